import type { BitModel } from './bit-model.js';
import { largestProbability, leastProbability, one } from './logistic.js';

/** What predicts a file byte by byte. */
export interface BytePredictor {
  /** How likely each of the 256 bytes is to come: whole numbers from 1 to 2^22 + 1. They last until the next call. */
  predict(): Int32Array;
  /** The byte that came. */
  learn(byte: number): void;
}

/** What a trained language model makes of a file that it reads byte by byte. */
export interface ByteLogits {
  /** Of the 256 bytes that may come next, up to a constant. They last until the next call. */
  readonly logits: Float32Array;
  /** The byte that came. */
  read(byte: number): void;
}

/** The bits of predicted bytes: a 1 is as likely as all bytes that go on so, of those that begin as this one has. */
export class BitsOfBytes implements BitModel {
  readonly #bytes: BytePredictor;
  #frequencies: Int32Array;
  /** The bytes that begin as this one has: from `#first`, twice `#half` of them. */
  #first = 0;
  #half = 128;
  #zeros = 0;
  #ones = 0;

  constructor(bytes: BytePredictor) {
    this.#bytes = bytes;
    this.#frequencies = bytes.predict();
    this.#zeros = this.#sum(0, 128);
    this.#ones = this.#sum(128, 256);
  }

  predict(): number {
    const probability = Math.floor((one * this.#ones) / (this.#zeros + this.#ones));
    return Math.max(leastProbability, Math.min(largestProbability, probability));
  }

  update(bit: 0 | 1): void {
    if (bit === 1) this.#first += this.#half;
    const known = bit === 1 ? this.#ones : this.#zeros;
    this.#half >>= 1;
    if (this.#half === 0) {
      this.#bytes.learn(this.#first);
      this.#frequencies = this.#bytes.predict();
      this.#first = 0;
      this.#half = 128;
      this.#zeros = this.#sum(0, 128);
      this.#ones = this.#sum(128, 256);
    } else {
      this.#zeros = this.#sum(this.#first, this.#first + this.#half);
      this.#ones = known - this.#zeros;
    }
  }

  #sum(begin: number, end: number): number {
    let sum = 0;
    for (let byte = begin; byte < end; byte++) sum += this.#frequencies[byte] as number;
    return sum;
  }
}
