import { oneLine } from '../text/normalisation.js';
import type { TranslationTokenizers } from './translation-model.js';
import type { Translation } from './translator.js';

/** Characters [start, end), in UTF-16 units. */
export type TextSpan = readonly [start: number, end: number];

/** A token of a translation, and the source token that it looked at most. */
export interface AlignedToken {
  /** In the translation. */
  readonly target: TextSpan;
  /** In the line as the model reads it: normalised. */
  readonly source: TextSpan;
}

/**
 * Where each token of a translation comes from, `</s>` left out: the source token with most attention. Undefined for a translation
 * without attention.
 */
export function tokenAlignment(
  { sourceTokenizer, targetTokenizer }: Pick<TranslationTokenizers, 'sourceTokenizer' | 'targetTokenizer'>,
  line: string,
  { ids, attention, text }: Pick<Translation, 'ids' | 'attention' | 'text'>,
): AlignedToken[] | undefined {
  if (attention === undefined || (ids.length > 0 && attention[0]?.length === 0)) return undefined;
  const { offsets } = sourceTokenizer.encodeWithOffsets(line);
  let written = 0;
  return Array.from(ids, (_, index) => {
    const weights = attention[index] ?? new Float32Array();
    const most = weights.reduce((best, weight, token) => (weight > (weights[best] ?? 0) ? token : best), 0);
    const start = written;
    // A token may be a part of a character: its text is known only from those before it.
    written = Math.min(text.length, Math.max(start, oneLine(targetTokenizer.decode(ids.subarray(0, index + 1))).length));
    return { target: [start, written], source: [offsets[2 * most] ?? 0, offsets[2 * most + 1] ?? 0] };
  });
}
