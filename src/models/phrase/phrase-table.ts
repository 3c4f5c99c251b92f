/** Log-probabilities of a phrase pair, in this order everywhere. */
export const phraseFeatures = ['inversePhrase', 'inverseLexical', 'directPhrase', 'directLexical'] as const;

/** What a source phrase may become. */
export interface PhraseOption {
  /** Target word ids, at least one. */
  readonly target: Int32Array;
  /** One natural logarithm per `phraseFeatures`. */
  readonly features: Float32Array;
  /** Log-probabilities of monotone, swap, discontinuous with respect to the phrase before, then to the phrase after; undefined without a reordering model. */
  readonly reordering?: Float32Array | undefined;
  /** Source position (within the phrase) that each target word is aligned to, -1 for none. */
  readonly alignment: Int8Array;
}

/** What source phrases may become, looked up while a sentence is searched. */
export interface PhraseTable {
  /** Most source words of a phrase. */
  readonly maximumLength: number;
  /** What the words from `start` to before `end` may become, most probable first; empty where never seen. */
  options(source: ArrayLike<number>, start: number, end: number): readonly PhraseOption[];
}
