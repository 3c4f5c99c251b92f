import type { Device } from '../../tensor/device.js';
import type { Precision } from '../../tensor/matrix.js';
import type { Block } from '../../tensor/memory.js';

/** Words of 4 bytes that so many values take in a wire. */
export function wordsOf(values: number, precision: Precision): number {
  return precision === 'bf16' ? Math.ceil(values / 2) : values;
}

/** Values as they travel: in 32 bits each, or rounded to bfloat16, two in a word. Places of values are in bytes, of words in words. */
export class WireValues {
  readonly #device: Device;
  readonly #precision: Precision;
  /** Where a portion is widened that is to be added. */
  readonly #widened: Block | undefined;

  constructor(device: Device, precision: Precision) {
    this.#device = device;
    this.#precision = precision;
    this.#widened = precision === 'bf16' ? device.memory.allocate(4 * valuesOfPortion) : undefined;
  }

  /** Writes values from word `at` on; returns where the next may begin. */
  write(at: number, values: number, count: number): number {
    if (this.#precision === 'bf16') roundInto(this.#device.memory.i32, at, this.#values(values, count));
    else this.#device.kernels.copy(4 * at, values, 4 * count);
    return at + wordsOf(count, this.#precision);
  }

  /** Reads values from word `at` on; returns where the next may begin. */
  read(values: number, at: number, count: number): number {
    if (this.#precision === 'bf16') widenInto(this.#values(values, count), this.#device.memory.i32, at);
    else this.#device.kernels.copy(values, 4 * at, 4 * count);
    return at + wordsOf(count, this.#precision);
  }

  /** Adds to values, of a portion at most, what is written from word `at` on; returns where the next may begin. */
  add(values: number, at: number, count: number): number {
    const { kernels } = this.#device;
    if (this.#widened === undefined) {
      kernels.add(values, 4 * at, count);
      return at + count;
    }
    const next = this.read(this.#widened.offset, at, count);
    kernels.add(values, this.#widened.offset, count);
    return next;
  }

  dispose(): void {
    if (this.#widened !== undefined) this.#device.memory.free(this.#widened);
  }

  #values(at: number, count: number): Float32Array {
    return this.#device.memory.f32.subarray(at / 4, at / 4 + count);
  }
}

/** Values that a first-level or second-level cache holds while several things are done to them; even, as two may share a word. */
export const valuesOfPortion = 8_192;

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
