/**
 * A sentence pair as token ids, or a stretch of text: a pair without a source. A batch is a list of them; how it is laid out in
 * memory is the model's affair.
 */
export interface IdPair {
  /** At least one; none for a model without a source. */
  readonly source: ArrayLike<number>;
  /** Without `<s>` and `</s>`; may be empty, which asks for `</s>` at once. */
  readonly target: ArrayLike<number>;
  /** The id read before the first of `target`. Default: `<s>`. A text that is cut into stretches is read on from the one before. */
  readonly before?: number | undefined;
  /** Whether `</s>` follows the last of `target`. Default: true. False, for a text that goes on, needs at least one target id. */
  readonly ends?: boolean | undefined;
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
  /** Those that are predicted: `</s>` counted. */
  readonly targetTokens: number;
}

/** How many tokens of a pair are predicted: those of its target, and `</s>` where it ends. */
export function predictedTokens({ target, ends = true }: Pick<IdPair, 'target' | 'ends'>): number {
  return target.length + (ends ? 1 : 0);
}

export function sizeOf(pairs: readonly IdPair[]): BatchCounts {
  let [sourceTokens, targetTokens] = [0, 0];
  for (const pair of pairs) {
    sourceTokens += pair.source.length;
    targetTokens += predictedTokens(pair);
  }
  return { sentences: pairs.length, sourceTokens, targetTokens };
}
