/** Words that a text may have, as people write them. */
export interface Phrase {
  readonly text: string;
  /** Whether capitals and small letters are the same to it. */
  readonly anyCase: boolean;
}

/** Written in small letters it is found in any case, with a capital only as it is written. */
export function phraseOf(text: string): Phrase {
  return { text, anyCase: text.toLowerCase() === text };
}

export function folded(character: string): string {
  return character.toLowerCase();
}

/** Scripts that put no spaces between words: what is between two of their characters is no boundary that a reader sees, so any place is one. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const inWords = /[\p{L}\p{M}\p{N}]/u;

/** Whether a character, beside another such, is inside a word. */
export function isOfWord(character: string): boolean {
  return inWords.test(character) && !unspaced.test(character);
}

/** Whether a phrase is in a text: as whole words, `cat` in `Cat's` but not in `category`. */
export function occursIn(text: string, { text: phrase, anyCase }: Phrase): boolean {
  const fold = anyCase ? folded : (character: string) => character;
  const characters = Array.from(text);
  const wanted = Array.from(phrase, fold);
  const isBoundary = (at: number) => !isOfWord(characters[at - 1] ?? ' ') || !isOfWord(characters[at] ?? ' ');
  for (let start = 0; start + wanted.length <= characters.length; start++) {
    if (!isBoundary(start) || !isBoundary(start + wanted.length)) continue;
    if (wanted.every((character, index) => fold(characters[start + index] as string) === character)) return true;
  }
  return false;
}
