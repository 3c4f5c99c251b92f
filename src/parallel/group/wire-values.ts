import type { Precision } from '../../tensor/matrix.js';

/** Words of 4 bytes that so many values take in a wire. */
export function wordsOf(values: number, precision: Precision): number {
  return precision === 'bf16' ? Math.ceil(values / 2) : values;
}

/** Values in the words of a wire: in 32 bits each, or rounded to bfloat16, two in a word. */
export class WireValues {
  readonly #precision: Precision;
  readonly #words: Float32Array;
  readonly #patterns: Int32Array;

  constructor(words: SharedArrayBuffer, precision: Precision) {
    this.#precision = precision;
    this.#words = new Float32Array(words);
    this.#patterns = new Int32Array(words);
  }

  /** Writes values from word `at` on; returns where the next may begin. */
  write(values: Float32Array, at: number): number {
    if (this.#precision === 'bf16') roundInto(this.#patterns, at, values);
    else this.#words.set(values, at);
    return at + wordsOf(values.length, this.#precision);
  }

  /** Fills `values` from word `at` on; returns where the next may begin. */
  read(values: Float32Array, at: number): number {
    if (this.#precision === 'bf16') widenInto(values, this.#patterns, at);
    else values.set(this.#words.subarray(at, at + values.length));
    return at + wordsOf(values.length, this.#precision);
  }
}

/** The first of two values is the lower half of a word. */
function roundInto(words: Int32Array, at: number, values: Float32Array): void {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  const pairs = patterns.length >> 1;
  for (let pair = 0; pair < pairs; pair++) {
    words[at + pair] = rounded(patterns[2 * pair] as number) | (rounded(patterns[2 * pair + 1] as number) << 16);
  }
  if (2 * pairs < patterns.length) words[at + pairs] = rounded(patterns[2 * pairs] as number);
}

/** The upper half of a float's bits, rounded to the nearest, ties to the even one; what is no number stays none. */
function rounded(pattern: number): number {
  return (pattern & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
}

function widenInto(values: Float32Array, words: Int32Array, at: number): void {
  const patterns = new Int32Array(values.buffer, values.byteOffset, values.length);
  const pairs = patterns.length >> 1;
  for (let pair = 0; pair < pairs; pair++) {
    const word = words[at + pair] as number;
    patterns[2 * pair] = word << 16;
    patterns[2 * pair + 1] = word & 0xffff0000;
  }
  if (2 * pairs < patterns.length) patterns[2 * pairs] = (words[at + pairs] as number) << 16;
}
