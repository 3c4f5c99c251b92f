import { normalise } from './normalisation.js';
import { letter } from './pipeline.js';
import type { Tokenizer } from './tokenizer.js';

/** Letters of scripts that put no spaces between words: their runs are whole sentences, and no list can hold them. */
export const unspacedScripts =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Runs of letters, and every other mark by itself. */
const wordOrMark = new RegExp(`[${letter}]+|[^\\s${letter}]`, 'gu');
/** What lacks all of these is a mark on what stands before it, or is not seen at all. */
const isSeen = /^[\p{L}\p{N}\p{P}\p{S}]/u;
/** A longer run of letters is an accident. */
const longestWord = 100;

/** As many words as a model is said to know; of a larger corpus the most frequent. Bounds what a run keeps and a start reads. */
const mostWords = 100_000;

/**
 * The words and marks of a text that a model was trained on. Pieces of words can spell any other, so the vocabulary of byte-pair
 * encoding or of characters cannot say which words the model has seen.
 */
export class WordList {
  readonly #words: ReadonlySet<string>;

  /** The first of them are kept. */
  private constructor(words: Iterable<string>) {
    this.#words = new Set([...new Set(words)].slice(0, mostWords));
  }

  /** Reads what `toText` wrote. */
  static parse(text: string): WordList {
    return new WordList(text.split('\n').filter((word) => word !== ''));
  }

  static mostFrequent(counts: ReadonlyMap<string, number>): WordList {
    const entries = [...counts].sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || (a < b ? -1 : 1));
    return new WordList(entries.map(([word]) => word));
  }

  has(word: string): boolean {
    return this.#words.has(word);
  }

  /** These words and those of another list. */
  and(others: WordList = new WordList([])): WordList {
    return new WordList([...this.#words, ...others.#words]);
  }

  /** A word a line. */
  toText(): string {
    return Array.from(this.#words, (word) => `${word}\n`).join('');
  }
}

/** Counts the words of a text as it goes by. */
export class WordCounter {
  readonly #counts = new Map<string, number>();
  readonly #lowercase: boolean;

  /** `lowercase`: as the tokenizer of the model that the list is for. */
  constructor({ lowercase }: { lowercase: boolean }) {
    this.#lowercase = lowercase;
  }

  add(text: string): void {
    for (const word of normalise(text, { lowercase: this.#lowercase }).match(wordOrMark) ?? []) {
      const count = this.#counts.get(word);
      if (count !== undefined) this.#counts.set(word, count + 1);
      else if (isSeen.test(word) && isListable(word)) this.#counts.set(word, 1);
    }
  }

  list(): WordList {
    return WordList.mostFrequent(this.#counts);
  }
}

/**
 * The words and marks of a text, each once and as the tokenizer sees them, that a model cannot know: what its vocabulary
 * lacks; for pieces of words and characters, where there is a list, what is not in it.
 */
export function unknownWords(tokenizer: Tokenizer, text: string, known: WordList | undefined): string[] {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const normalised = tokenizer.normalise(text);
  const lacking = [...ids.keys()].filter((token) => tokenizer.isUnknown(ids[token] as number));
  if (tokenizer.kind === 'word') return [...new Set(lacking.map((token) => normalised.slice(offsets[2 * token], offsets[2 * token + 1])))];
  const isLacking = new Uint8Array(normalised.length);
  for (const token of lacking) isLacking.fill(1, offsets[2 * token], offsets[2 * token + 1]);
  const found = new Set<string>();
  for (const { 0: word, index } of normalised.matchAll(wordOrMark)) {
    if (!isSeen.test(word)) continue;
    const isKnown = known !== undefined && isListable(word) ? known.has(word) : !isLacking.subarray(index, index + word.length).includes(1);
    if (!isKnown) found.add(word);
  }
  return [...found];
}

function isListable(word: string): boolean {
  return word.length <= longestWord && !unspacedScripts.test(word);
}
