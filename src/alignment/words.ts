import { newest } from '../text/normalisation.js';
import { Pipeline } from '../text/pipeline.js';

/** What counts as a word: what stands between spaces, as in text that is tokenized; or words, figures and single marks. */
export type WordSplit = 'spaces' | 'punctuation';

/** Words of a side that are aligned at most: time and memory grow with the product of both sides, so a document in one line would take hours. */
export const mostWordsAligned = 1_000;

/** How a text is cut into words. */
export function wordSplitter(split: WordSplit, lowercase: boolean): (text: string) => string[] {
  if (split === 'spaces') return (text) => (lowercase ? text.toLowerCase() : text).split(/[ \t\r]+/).filter((word) => word !== '');
  const pipeline = new Pipeline({ segmentation: split, lowercase, normalisation: newest });
  return (text) => pipeline.pieces(pipeline.normalise(text)).map((piece) => piece.trimStart());
}

/** Words by number. */
export class WordIds {
  readonly #ids = new Map<string, number>();
  readonly #words: string[] = [];

  get size(): number {
    return this.#words.length;
  }

  /** Of a word, which gets one if it has none. */
  readonly id = (word: string): number => {
    const known = this.#ids.get(word);
    if (known !== undefined) return known;
    this.#ids.set(word, this.#words.length);
    return this.#words.push(word) - 1;
  };

  /** Of a word, -1 for one that has none. */
  readonly find = (word: string): number => this.#ids.get(word) ?? -1;

  word(id: number): string {
    return this.#words[id] as string;
  }
}
