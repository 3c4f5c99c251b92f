import { BitEncoder } from '../compression/bit-coder.js';
import { BitsOfBytes, type BytePredictor } from '../compression/byte-predictor.js';
import { turns } from '../core/event-loop.js';

/** What a text costs. */
export interface CodedText {
  /** By what is predicted: the negative binary logarithm of each byte's probability, over bytes. */
  readonly predictedBits: number;
  /** Of the code that was written. */
  readonly codeBytes: number;
}

/** Codes a text by what is predicted of it. */
export async function codeText(text: Uint8Array, predictor: BytePredictor, signal?: AbortSignal): Promise<CodedText> {
  const turn = turns();
  const bits = new BitsOfBytes(predictor);
  const encoder = new BitEncoder();
  let predicted = 0;
  for (const byte of text) {
    signal?.throwIfAborted();
    const frequencies = predictor.predict();
    predicted -= Math.log2((frequencies[byte] as number) / frequencies.reduce((sum, value) => sum + value, 0));
    for (let place = 7; place >= 0; place--) {
      const bit = ((byte >> place) & 1) as 0 | 1;
      encoder.encode(bit, bits.predict());
      bits.update(bit);
    }
    await turn();
  }
  return { predictedBits: predicted / text.length, codeBytes: encoder.finish().length };
}

const values = 256;
const units = 2 ** 22;

/**
 * What followed the last 0 to `order` bytes in a text, each order mixed with the one below by how many different bytes have followed
 * (Witten and Bell 1991). It does not learn from what it predicts.
 */
export class CountedBytes implements BytePredictor {
  readonly #order: number;
  /** By context: how often each byte followed. */
  readonly #counts = new Map<number, Map<number, number>>();
  #recent: number[] = [];

  constructor(order: number, text: Uint8Array) {
    this.#order = order;
    for (const byte of text) {
      for (const context of this.#contexts()) {
        const followed = this.#counts.get(context) ?? new Map<number, number>();
        followed.set(byte, (followed.get(byte) ?? 0) + 1);
        this.#counts.set(context, followed);
      }
      this.learn(byte);
    }
    this.#recent = [];
  }

  /** Counts that are kept. */
  get size(): number {
    return Array.from(this.#counts.values(), (followed) => followed.size).reduce((sum, size) => sum + size, 0);
  }

  predict(): Int32Array {
    const probabilities = new Float64Array(values).fill(1 / values);
    for (const context of this.#contexts()) {
      const followed = this.#counts.get(context);
      if (followed === undefined) break;
      const seen = [...followed.values()].reduce((sum, count) => sum + count, 0);
      const all = seen + followed.size;
      for (let byte = 0; byte < values; byte++) probabilities[byte] = (followed.size * (probabilities[byte] as number)) / all;
      for (const [byte, count] of followed) probabilities[byte] = (probabilities[byte] as number) + count / all;
    }
    return Int32Array.from(probabilities, (probability) => Math.floor(probability * units) + 1);
  }

  learn(byte: number): void {
    this.#recent = [byte, ...this.#recent].slice(0, this.#order);
  }

  /** The last 0, 1, 2, ... bytes, each list as a number. */
  #contexts(): number[] {
    let context = 1;
    const all = [context];
    for (const byte of this.#recent) {
      context = context * values + byte;
      all.push(context);
    }
    return all;
  }
}
