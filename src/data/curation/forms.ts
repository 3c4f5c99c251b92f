/**
 * In which form texts are compared. `normalised`: in Unicode's compatibility form (NFKC), lower case, with single spaces; `letters`:
 * only the letters and digits of that.
 */
export const textForms = ['verbatim', 'normalised', 'letters'] as const;
export type TextForm = (typeof textForms)[number];

export function inForm(text: string, form: TextForm): string {
  if (form === 'verbatim') return text;
  const normalised = text.normalize('NFKC').toLowerCase();
  if (form === 'normalised') return normalised.replace(/\s+/gu, ' ').trim();
  return normalised.replace(/[^\p{L}\p{M}\p{N}]+/gu, '');
}

/** Written without spaces between words, so each of their characters counts as a word. */
const unspaced = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/gu;

/** What stands between white space; of scripts without spaces, every character. */
export function wordsOf(text: string): string[] {
  // Most text has no such character, and a test is cheaper than a copy.
  const spaced = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\uffef]/.test(text) ? text.replace(unspaced, ' $& ') : text;
  return spaced.split(/\s+/u).filter((word) => word !== '');
}

/** Unicode characters, not units of UTF-16. */
export function charactersIn(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    if ((text.charCodeAt(index) & 0xfc00) === 0xdc00) count--;
  }
  return count;
}
