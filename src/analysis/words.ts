/** Letters of scripts that put no spaces between words. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const spacedWord = /[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’\-.,][\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*/gu;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/** The words of a text, in lower case and without punctuation, as people count them and as frequencies are counted here. */
export function wordsOf(text: string): string[] {
  const lower = text.toLowerCase();
  if (!unspaced.test(lower)) return lower.match(spacedWord) ?? [];
  return Array.from(segmenter.segment(lower))
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment }) => segment);
}
