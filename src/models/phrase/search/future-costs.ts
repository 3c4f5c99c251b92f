import type { Coverage, Coverages } from './coverage.js';
import type { TranslationOptions } from './translation-options.js';

/**
 * What the words that are still to be translated will add to the score, at best (Koehn 2010, "Statistical machine translation",
 * section 6.3.2): the best options of all gaps, each by itself, and the way back to the first gap.
 *
 *     best of [start, end) = the larger of its best option and best of [start, middle) + best of [middle, end) for any middle
 *
 * Without a language model it is never less than what they will add. With one it is an estimate: an option alone lacks the words
 * before it.
 */
export class FutureCosts {
  readonly #coverages: Coverages;
  readonly #length: number;
  readonly #bestOfSpans: Float64Array;
  readonly #distortionWeight: number;
  readonly #ofCoverages: (number | undefined)[] = [];

  /** @param distortionWeight  per word that is jumped over; one that rewards jumps counts as 0 */
  constructor(options: TranslationOptions, coverages: Coverages, distortionWeight: number) {
    this.#coverages = coverages;
    this.#length = options.length;
    this.#distortionWeight = Math.max(0, distortionWeight);
    this.#bestOfSpans = bestOfSpans(options);
  }

  /** Of all that is not covered, for a hypothesis whose last phrase ended before `position`. */
  of(coverage: Coverage, position: number): number {
    const gap = this.#coverages.firstGap(coverage);
    if (gap === this.#length) return 0;
    return this.#ofGaps(coverage) - this.#distortionWeight * Math.abs(gap - position);
  }

  #ofGaps(coverage: Coverage): number {
    const known = this.#ofCoverages[coverage];
    if (known !== undefined) return known;
    let sum = 0;
    for (let start = this.#coverages.firstGap(coverage); start < this.#length; ) {
      const end = this.#coverages.gapEnd(coverage, start);
      sum += this.#bestOfSpans[start * (this.#length + 1) + end] as number;
      start = this.#coverages.nextGap(coverage, end);
    }
    this.#ofCoverages[coverage] = sum;
    return sum;
  }
}

/** [length, length + 1] by start and end. */
function bestOfSpans(options: TranslationOptions): Float64Array {
  const { length } = options;
  const best = new Float64Array(length * (length + 1)).fill(-Infinity);
  for (let size = 1; size <= length; size++) {
    for (let start = 0; start + size <= length; start++) {
      const end = start + size;
      let most = options.bestEstimate(start, end);
      for (let middle = start + 1; middle < end; middle++) {
        const split = (best[start * (length + 1) + middle] as number) + (best[middle * (length + 1) + end] as number);
        if (split > most) most = split;
      }
      best[start * (length + 1) + end] = most;
    }
  }
  return best;
}
