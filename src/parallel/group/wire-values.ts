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
    if (this.#precision === 'bf16') widenInto(values, this.#halves, 2 * at);
    else values.set(this.#words.subarray(at, at + values.length));
    return at + wordsOf(values.length, this.#precision);
  }
}

/** To the nearest, ties to the even one; what is no number stays none. */
function roundInto(halves: Uint16Array, at: number, values: Float32Array): void {
  const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < patterns.length; index++) {
    const pattern = patterns[index] as number;
    const isNoNumber = (pattern & 0x7fffffff) > 0x7f800000;
    halves[at + index] = isNoNumber ? 0x7fc0 : (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  }
}

function widenInto(values: Float32Array, halves: Uint16Array, at: number): void {
  const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < patterns.length; index++) patterns[index] = (halves[at + index] as number) << 16;
}
