import type { Coverage, Coverages } from './coverage.js';
import type { FutureCosts } from './future-costs.js';
import { jump } from './reordering.js';
import type { TranslationOptions } from './translation-options.js';

/**
 * The spans that hypotheses may translate next, found once for each coverage: all that are not covered, have options and, unless they
 * begin at the first gap, end no farther behind it than the distortion limit, so that the way back to it remains allowed.
 */
export class PhraseExtensions {
  /** By extension: the source position where it begins, and its options. */
  readonly starts: number[] = [];
  readonly firstOptions: number[] = [];
  readonly afterLastOptions: number[] = [];
  /** By extension: what is covered with it, how many words that are, and what translating the rest will add to the score at best. */
  readonly coverages: number[] = [];
  readonly sizes: number[] = [];
  readonly futures: number[] = [];
  readonly #options: TranslationOptions;
  readonly #coverages: Coverages;
  readonly #futureCosts: FutureCosts;
  readonly #distortionLimit: number;
  /** By coverage. */
  readonly #firsts = new Map<Coverage, readonly [first: number, afterLast: number]>();

  constructor(options: TranslationOptions, coverages: Coverages, futureCosts: FutureCosts, distortionLimit: number) {
    this.#options = options;
    this.#coverages = coverages;
    this.#futureCosts = futureCosts;
    this.#distortionLimit = distortionLimit;
  }

  /** The extensions of a coverage are numbered one after the other. */
  of(coverage: Coverage): readonly [first: number, afterLast: number] {
    let range = this.#firsts.get(coverage);
    if (range === undefined) {
      const first = this.starts.length;
      this.#find(coverage);
      range = [first, this.starts.length];
      this.#firsts.set(coverage, range);
    }
    return range;
  }

  /** Whether a hypothesis whose last phrase ended before `end` may go on there. */
  isAllowed(extension: number, end: number): boolean {
    return jump(end, this.starts[extension] as number) <= this.#distortionLimit;
  }

  #find(coverage: Coverage): void {
    const options = this.#options;
    const gap = this.#coverages.firstGap(coverage);
    const limit = gap + this.#distortionLimit;
    for (let start = gap; start < options.length && start <= limit; start = this.#coverages.nextGap(coverage, start + 1)) {
      const lastEnd = Math.min(options.lastEnd(start), this.#coverages.gapEnd(coverage, start), start === gap ? Infinity : limit);
      for (let end = start + 1; end <= lastEnd; end++) {
        const first = options.first(start, end);
        const afterLast = options.afterLast(start, end);
        if (first === afterLast) continue;
        const covered = this.#coverages.with(coverage, start, end);
        this.starts.push(start);
        this.firstOptions.push(first);
        this.afterLastOptions.push(afterLast);
        this.coverages.push(covered);
        this.sizes.push(this.#coverages.size(covered));
        this.futures.push(this.#futureCosts.of(covered, end));
      }
    }
  }
}
