import { normalise } from '../../text/normalisation.js';
import { unspacedScripts } from '../../text/word-list.js';

const spacedWord = /[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’\-.,][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*/gu;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** The words of a text, in lower case and without punctuation, as people count them and as frequencies are counted here. */
export function wordsOf(text: string): string[] {
  const lower = normalise(text, { lowercase: true });
  if (!unspacedScripts.test(lower)) return lower.match(spacedWord) ?? [];
  return Array.from(segmenter.segment(lower))
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment }) => segment);
}
