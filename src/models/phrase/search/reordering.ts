import { featureIndex, translationFeatures, type TranslationWeights } from './features.js';
import type { TranslationOptions } from './translation-options.js';

/** How a phrase lies to the one that was translated before it. */
export const orientations = ['monotone', 'swap', 'discontinuous'] as const;

/** Source words between the end of a phrase and the start of the next, in either direction. */
export function jump(end: number, nextStart: number): number {
  return Math.abs(nextStart - end);
}

/** The place among `orientations` of the phrase [start, end) after [previousStart, previousEnd); before the first phrase lies [0, 0). */
export function orientation(previousStart: number, previousEnd: number, start: number, end: number): number {
  if (start === previousEnd) return 0;
  return end === previousStart ? 1 : 2;
}

const before = featureIndex('monotoneBefore');
const after = featureIndex('monotoneAfter');
const features = translationFeatures.length - before;

/**
 * Lexicalised reordering (Koehn et al. 2005; in Moses `msd-bidirectional-fe`): how probable it is for this phrase to lie so to the one
 * before it, and for that one to be followed so.
 */
export class LexicalisedReordering {
  /** Whether any option says something about it. */
  readonly isUsed: boolean;
  readonly #options: TranslationOptions;
  readonly #weights: TranslationWeights;
  /** By option: what a hypothesis that ends with it must remember. */
  readonly #states: Int32Array;

  constructor(options: TranslationOptions, weights: TranslationWeights) {
    this.isUsed = options.phrases.some(({ reordering }) => reordering !== undefined);
    this.#options = options;
    this.#weights = weights;
    this.#states = new Int32Array(this.isUsed ? options.phrases.length : 0);
    if (this.isUsed) this.#findStates();
  }

  /** Equal for options after which every option costs the same; from 1 on, and 0 for all where reordering is not used. */
  state(option: number): number {
    return this.isUsed ? (this.#states[option] as number) : 0;
  }

  /** What the orientation of an option adds to the score. @param previous  the option before it; -1 for none */
  score(previous: number, option: number): number {
    const { phrases, starts, ends } = this.#options;
    const [previousStart, previousEnd] = previous < 0 ? [0, 0] : [starts[previous] as number, ends[previous] as number];
    const kind = orientation(previousStart, previousEnd, starts[option] as number, ends[option] as number);
    return this.#weighted(phrases[option]?.reordering, kind, before) + this.#weighted(phrases[previous]?.reordering, kind, after);
  }

  #weighted(reordering: Float32Array | undefined, kind: number, first: number): number {
    return (reordering?.[first - before + kind] ?? 0) * (this.#weights[first + kind] as number);
  }

  #findStates(): void {
    const known = new Map<string, number>();
    for (const [option, { reordering }] of this.#options.phrases.entries()) {
      const costs = orientations.map((_, kind) => this.#weighted(reordering, kind, after));
      // An option's end is part of the hypothesis anyway.
      const key = `${this.#options.starts[option]} ${costs.join(' ')}`;
      const state = known.get(key) ?? known.size + 1;
      known.set(key, state);
      this.#states[option] = state;
    }
  }
}

/** Adds what the orientation of an option contributes, unweighted. */
export function addOrientation(into: Float64Array, previous: number, option: number, options: TranslationOptions): void {
  const { phrases, starts, ends } = options;
  const [previousStart, previousEnd] = previous < 0 ? [0, 0] : [starts[previous] as number, ends[previous] as number];
  const kind = orientation(previousStart, previousEnd, starts[option] as number, ends[option] as number);
  (into[before + kind] as number) += phrases[option]?.reordering?.[kind] ?? 0;
  (into[after + kind] as number) += phrases[previous]?.reordering?.[features / 2 + kind] ?? 0;
}
