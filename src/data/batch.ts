/** A sentence pair as token ids. A batch is a list of them; how it is laid out in memory is the model's affair. */
export interface IdPair {
  /** At least one. */
  readonly source: ArrayLike<number>;
  /** Without `<s>` and `</s>`; may be empty, which asks for `</s>` at once. */
  readonly target: ArrayLike<number>;
  /**
   * Whose source this is, as a number: that of the pair in its corpus. It keys dropout whatever batch the pair is in. Pairs with the
   * same key have the same source, so a model may encode it once.
   */
  readonly key: number;
}

/** How much a batch is. */
export interface BatchCounts {
  readonly sentences: number;
  readonly sourceTokens: number;
  /** Each sentence's `</s>` counted. */
  readonly targetTokens: number;
}

export function sizeOf(pairs: readonly IdPair[]): BatchCounts {
  let [sourceTokens, targetTokens] = [0, 0];
  for (const { source, target } of pairs) {
    sourceTokens += source.length;
    targetTokens += target.length + 1;
  }
  return { sentences: pairs.length, sourceTokens, targetTokens };
}
