import { one } from './logistic.js';

/*
 * Binary arithmetic coding (Witten, Neal and Cleary 1987) without carries, as in PAQ (Mahoney 2005): an interval of 32 bits is divided in
 * the proportion of a bit's probabilities; its leading bytes are written as soon as both ends agree on them.
 */

/** Where an interval is divided: the lower part is for a 1. */
function division(low: number, high: number, probability: number): number {
  const width = high - low;
  return low + Math.floor(width / one) * probability + Math.floor(((width % one) * probability) / one);
}

const topByte = 0x1000000;

export class BitEncoder {
  #bytes = new Uint8Array(1_024);
  #length = 0;
  #low = 0;
  #high = 0xffffffff;

  /** `probability`: of a 1, between 0 and `one`. */
  encode(bit: 0 | 1, probability: number): void {
    const middle = division(this.#low, this.#high, probability);
    if (bit === 1) this.#high = middle;
    else this.#low = middle + 1;
    while (Math.floor(this.#low / topByte) === Math.floor(this.#high / topByte)) {
      this.#write(Math.floor(this.#high / topByte));
      this.#low = (this.#low % topByte) * 256;
      this.#high = (this.#high % topByte) * 256 + 255;
    }
  }

  /** Ends the code and gives its bytes; what is encoded then begins another. */
  finish(): Uint8Array {
    // Any number within the interval will do: the fewest bytes that lead into it, whatever bytes follow.
    this.#write(Math.floor(this.#high / topByte));
    this.#write(Math.floor((this.#high % topByte) / 0x10000));
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    this.#low = 0;
    this.#high = 0xffffffff;
    return bytes;
  }

  #write(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}

export class BitDecoder {
  readonly #bytes: Uint8Array;
  #next = 0;
  #low = 0;
  #high = 0xffffffff;
  #code = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let byte = 0; byte < 4; byte++) this.#code = this.#code * 256 + this.#read();
  }

  decode(probability: number): 0 | 1 {
    const middle = division(this.#low, this.#high, probability);
    const bit = this.#code <= middle ? 1 : 0;
    if (bit === 1) this.#high = middle;
    else this.#low = middle + 1;
    while (Math.floor(this.#low / topByte) === Math.floor(this.#high / topByte)) {
      this.#low = (this.#low % topByte) * 256;
      this.#high = (this.#high % topByte) * 256 + 255;
      this.#code = (this.#code % topByte) * 256 + this.#read();
    }
    return bit;
  }

  /** Behind the end are zeros. */
  #read(): number {
    return this.#bytes[this.#next++] ?? 0;
  }
}
