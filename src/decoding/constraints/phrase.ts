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

/** Whether a word may begin or end before the character at a place: not between two of the same word. */
export function isBoundary(characters: readonly string[], at: number): boolean {
  return !isOfWord(characters[at - 1] ?? ' ') || !isOfWord(characters[at] ?? ' ');
}

/** Whether a phrase stands at a place of a text where a word begins, and ends where one ends. */
export function matchesAt(characters: readonly string[], start: number, { text, anyCase }: Phrase): boolean {
  let at = start;
  for (const wanted of text) {
    const character = characters[at++];
    if (character !== wanted && !(anyCase && character !== undefined && folded(character) === wanted)) return false;
  }
  return isBoundary(characters, at);
}

/** Whether a phrase is in a text: as whole words, `cat` in `Cat's` but not in `category`. */
export function occursIn(text: string, phrase: Phrase): boolean {
  const characters = Array.from(text);
  return characters.some((_, at) => isBoundary(characters, at) && matchesAt(characters, at, phrase));
}
