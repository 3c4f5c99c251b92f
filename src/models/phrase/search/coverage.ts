import { InternedTuples } from './interned-tuples.js';

/** A set of source positions, as a number: equal sets of a sentence are equal numbers. */
export type Coverage = number;

/** The sets of source positions that translations of one sentence have covered, each a bit set of any length. */
export class Coverages {
  /** Nothing is covered. */
  readonly empty: Coverage;
  readonly #length: number;
  readonly #bits: InternedTuples;
  readonly #firstGaps: number[] = [];
  readonly #sizes: number[] = [];

  /** @param length  of the sentence */
  constructor(length: number) {
    this.#length = length;
    this.#bits = new InternedTuples((length + 31) >>> 5);
    this.empty = this.#interned(0);
  }

  /** How many positions are covered. */
  size(coverage: Coverage): number {
    return this.#sizes[coverage] as number;
  }

  /** The first position that is not covered; the length of the sentence if all are. */
  firstGap(coverage: Coverage): number {
    return this.#firstGaps[coverage] as number;
  }

  has(coverage: Coverage, position: number): boolean {
    return ((this.#bits.at(coverage, position >>> 5) >>> (position & 31)) & 1) === 1;
  }

  /** The first uncovered position from `position` on; the length of the sentence if there is none. */
  nextGap(coverage: Coverage, position: number): number {
    let next = position;
    while (next < this.#length && this.has(coverage, next)) next++;
    return next;
  }

  /** The first covered position from `position` on; the length of the sentence if there is none. */
  gapEnd(coverage: Coverage, position: number): number {
    let next = position;
    while (next < this.#length && !this.has(coverage, next)) next++;
    return next;
  }

  /** The set with [start, end), of which nothing was covered. */
  with(coverage: Coverage, start: number, end: number): Coverage {
    const { tuple, width } = this.#bits;
    for (let word = 0; word < width; word++) tuple[word] = this.#bits.at(coverage, word);
    for (let position = start; position < end; position++) (tuple[position >>> 5] as number) |= 1 << (position & 31);
    return this.#interned(this.size(coverage) + end - start);
  }

  #interned(size: number): Coverage {
    const handle = this.#bits.intern();
    if (handle === this.#sizes.length) {
      this.#sizes.push(size);
      this.#firstGaps.push(this.nextGap(handle, 0));
    }
    return handle;
  }
}
