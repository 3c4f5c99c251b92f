import type { Precision } from '../../tensor/matrix.js';

/** Words of 4 bytes that so many values take in a wire. */
export function wordsOf(values: number, precision: Precision): number {
  return precision === 'bf16' ? Math.ceil(values / 2) : values;
}

/** Values in the words of a wire: in 32 bits each, or rounded to bfloat16, two in a word. */
export class WireValues {
  readonly #precision: Precision;
  readonly #words: Float32Array;
  readonly #halves: Uint16Array;

  constructor(words: SharedArrayBuffer, precision: Precision) {
    this.#precision = precision;
    this.#words = new Float32Array(words);
    this.#halves = new Uint16Array(words);
  }

  /** Writes values from word `at` on; returns where the next may begin. */
  write(values: Float32Array, at: number): number {
    if (this.#precision === 'bf16') roundInto(this.#halves, 2 * at, values);
    else this.#words.set(values, at);
    return at + wordsOf(values.length, this.#precision);
  }

  /** Fills `values` from word `at` on; returns where the next may begin. */
  read(values: Float32Array, at: number): number {
    if (this.#precision === 'bf16') {
      values.fill(0);
      return this.add(values, at);
    }
    values.set(this.#words.subarray(at, at + values.length));
    return at + values.length;
  }

  /** Adds to `sum` in f32 what is written from word `at` on; returns where the next may begin. */
  add(sum: Float32Array, at: number): number {
    if (this.#precision === 'bf16') addHalves(sum, this.#halves, 2 * at);
    else addWords(sum, this.#words, at);
    return at + wordsOf(sum.length, this.#precision);
  }
}

function addWords(sum: Float32Array, words: Float32Array, at: number): void {
  for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] as number) + (words[at + index] as number);
}

/** To the nearest, ties to the even one; what is no number stays none. */
function roundInto(halves: Uint16Array, at: number, values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < bits.length; index++) {
    const pattern = bits[index] as number;
    const isNoNumber = (pattern & 0x7fffffff) > 0x7f800000;
    halves[at + index] = isNoNumber ? 0x7fc0 : (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  }
}

/** Some values of which each is first given its bits: one at a time, a number would wait for its bits to be written. */
const widened = new Float32Array(1_024);
const patterns = new Uint32Array(widened.buffer);

function addHalves(sum: Float32Array, halves: Uint16Array, at: number): void {
  for (let start = 0; start < sum.length; start += widened.length) {
    const count = Math.min(widened.length, sum.length - start);
    for (let index = 0; index < count; index++) patterns[index] = (halves[at + start + index] as number) << 16;
    for (let index = 0; index < count; index++) sum[start + index] = (sum[start + index] as number) + (widened[index] as number);
  }
}
