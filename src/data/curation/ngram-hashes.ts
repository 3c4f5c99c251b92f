import { mixed } from './fingerprints.js';
import { wordsOf } from './forms.js';

/** What two texts have in common is counted in n-grams: runs of so many characters or words. */
export interface NgramHashOptions {
  readonly unit: 'characters' | 'words';
  readonly size: number;
}

const multiplier = 0x9e3779b1;

/**
 * Hashes of the different n-grams of a line, ascending; those of one side differ from those of the other. A side that is shorter than an
 * n-gram is one.
 */
export class NgramHashes {
  readonly #options: NgramHashOptions;
  #buffer = new Uint32Array(256);
  #length = 0;

  constructor(options: NgramHashOptions) {
    this.#options = options;
  }

  /** A view that lasts until the next call. */
  of(sides: readonly string[]): Uint32Array {
    this.#length = 0;
    for (const [side, text] of sides.entries()) {
      const units = this.#options.unit === 'characters' ? text : wordsOf(text).map(hashOfWord);
      const codeAt = typeof units === 'string' ? (index: number) => units.charCodeAt(index) : (index: number) => units[index] as number;
      this.#addRuns(units.length, codeAt, mixed(side + 1));
    }
    const all = this.#buffer.subarray(0, this.#length).sort();
    let kept = 0;
    for (const hash of all) {
      if (kept === 0 || all[kept - 1] !== hash) all[kept++] = hash;
    }
    return all.subarray(0, kept);
  }

  #addRuns(length: number, codeAt: (index: number) => number, seed: number): void {
    const size = Math.min(length, this.#options.size);
    for (let start = 0; start + size <= length && size > 0; start++) {
      let hash = seed;
      for (let index = start; index < start + size; index++) {
        hash = Math.imul(hash ^ codeAt(index), multiplier);
        hash ^= hash >>> 15;
      }
      this.#push(mixed(hash));
    }
  }

  #push(hash: number): void {
    if (this.#length === this.#buffer.length) {
      const larger = new Uint32Array(2 * this.#buffer.length);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#buffer[this.#length++] = hash;
  }
}

function hashOfWord(word: string): number {
  let hash = word.length;
  for (let index = 0; index < word.length; index++) hash = Math.imul(hash ^ word.charCodeAt(index), multiplier) ^ (hash >>> 15);
  return hash;
}
