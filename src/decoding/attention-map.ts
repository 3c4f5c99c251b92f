import type { Translation } from './translator.js';
import type { TranslationModel } from './translation-model.js';

/** What a model looked at when it wrote each token of a translation. */
export interface AttentionMap {
  /** Source tokens as they stand in the text. */
  readonly source: readonly string[];
  /** Target tokens as they were written, `</s>` last. */
  readonly target: readonly string[];
  /** For each target token, a distribution over the source tokens. */
  readonly weights: readonly Float32Array[];
}

/** The attention of a translation of `source` with the tokens' texts; undefined for a model without attention. */
export function attentionMap(
  { sourceTokenizer, targetTokenizer }: Pick<TranslationModel, 'sourceTokenizer' | 'targetTokenizer'>,
  source: string,
  { ids, attention }: Pick<Translation, 'ids' | 'attention'>,
): AttentionMap | undefined {
  if (attention === undefined) return undefined;
  const normalised = sourceTokenizer.normalise(source);
  const { offsets } = sourceTokenizer.encodeWithOffsets(source);
  // A line that was too long was cut.
  const length = attention[0]?.length ?? 0;
  return {
    source: Array.from({ length }, (_, token) => normalised.slice(offsets[2 * token], offsets[2 * token + 1])),
    target: [...Array.from(ids, (id) => targetTokenizer.token(id).trim()), targetTokenizer.token(targetTokenizer.special.end)],
    weights: attention,
  };
}
