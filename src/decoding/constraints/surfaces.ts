import type { Tokenizer } from '../../text/tokenizer.js';
import { folded, isOfWord } from './phrase.js';

/** What every token of a vocabulary adds to a text, in a form that goes to other threads: UTF-8, one after another. */
export interface Surfaces {
  readonly bytes: Uint8Array;
  /** Where those of each token begin, and the end. */
  readonly starts: Int32Array;
}

export function surfacesOf({ size, bytes }: Pick<Tokenizer, 'size' | 'bytes'>): Surfaces {
  const parts = Array.from({ length: size }, (_, id) => bytes(id));
  const starts = new Int32Array(size + 1);
  for (const [id, { length }] of parts.entries()) starts[id + 1] = (starts[id] as number) + length;
  const all = new Uint8Array(starts[size] as number);
  for (const [id, part] of parts.entries()) all.set(part, starts[id]);
  return { bytes: all, starts };
}

/** Stands for what is no text: a token without any, and bytes that are no character. */
export const noCharacter = '\uFFFD';

/** Characters, and the bytes of one that has only begun. */
export interface ReadCharacters {
  readonly characters: readonly string[];
  readonly pending: readonly number[];
}

/** The tokens of a vocabulary by what they add to a text. */
export class SurfaceIndex {
  readonly #surfaces: Surfaces;
  readonly #whole: ReadCharacters[] = [];
  readonly #breaking: number[] = [];
  readonly #byFirst = new Map<string, number[]>();
  readonly #byStart = new Map<string, number[]>();
  /** Tokens with a part of a character. */
  readonly fragments: readonly number[];

  constructor(surfaces: Surfaces) {
    this.#surfaces = surfaces;
    const fragments: number[] = [];
    for (let id = 0; id < this.size; id++) {
      const read = this.#read(id, []);
      this.#whole.push(read);
      if (read.pending.length > 0 || read.characters.includes(noCharacter)) fragments.push(id);
      const [first] = read.characters;
      if (first === undefined) continue;
      if (!isOfWord(first)) this.#breaking.push(id);
      entry(this.#byFirst, folded(first)).push(id);
      const starts = read.characters.filter(
        (character, at) => at === 0 || !isOfWord(character) || !isOfWord(read.characters[at - 1] ?? ' '),
      );
      for (const start of new Set(starts.map(folded))) entry(this.#byStart, start).push(id);
    }
    this.fragments = fragments;
  }

  get size(): number {
    return this.#surfaces.starts.length - 1;
  }

  /** Tokens that begin with what is in no word, and so end the word before. */
  get breaking(): readonly number[] {
    return this.#breaking;
  }

  /** Whether a token ends the word before. */
  breaks(id: number): boolean {
    return !isOfWord(this.#whole[id]?.characters[0] ?? noCharacter);
  }

  /** Tokens whose first character is this, its case aside. */
  beginningWith(character: string): readonly number[] {
    return this.#byFirst.get(folded(character)) ?? [];
  }

  /** Tokens in which a word or a mark may begin with this character, its case aside; at the first one it depends on what is before. */
  startingWith(character: string): readonly number[] {
    return this.#byStart.get(folded(character)) ?? [];
  }

  /** What a token adds after the bytes of a character that is not complete. */
  read(id: number, pending: readonly number[]): ReadCharacters {
    return pending.length === 0 ? (this.#whole[id] as ReadCharacters) : this.#read(id, pending);
  }

  #read(id: number, before: readonly number[]): ReadCharacters {
    const { bytes, starts } = this.#surfaces;
    const own = bytes.subarray(starts[id], starts[id + 1]);
    if (own.length === 0) return { characters: [...before.map(() => noCharacter), noCharacter], pending: [] };
    const all = [...before, ...own];
    const characters: string[] = [];
    for (let at = 0; at < all.length; ) {
      const lead = all[at] as number;
      const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
      const rest = all.slice(at + 1, at + Math.max(length, 1));
      if (length === 0 || rest.some((byte) => (byte & 0xc0) !== 0x80)) {
        characters.push(noCharacter);
        at++;
        continue;
      }
      if (at + length > all.length) return { characters, pending: all.slice(at) };
      const point = rest.reduce((sum, byte) => (sum << 6) | (byte & 0x3f), length === 1 ? lead : lead & (0x7f >> length));
      characters.push(point > 0x10ffff ? noCharacter : String.fromCodePoint(point));
      at += length;
    }
    return { characters, pending: [] };
  }
}

function entry(lists: Map<string, number[]>, key: string): number[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
