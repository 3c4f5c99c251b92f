import type { SpecialIds } from '../text/tokenizer.js';

/** One side of a model, with the ids that it has there. */
export interface ForeignVocabulary {
  /** Token ids. */
  readonly size: number;
  readonly special: SpecialIds;
  /** Of these the last so many are not there: their vectors are zeros, and they are never predicted. Default: 0. */
  readonly added?: number | undefined;
}
