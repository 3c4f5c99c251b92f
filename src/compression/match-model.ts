import { one, stretch } from './logistic.js';

/** Fewest bytes that must have come before as they come now. */
const shortestMatch = 5;
const longestCounted = 31;
const longestVerified = 32;
const slowness = 6;

/** Finds the last place where the text went as it goes now, and predicts that it goes on alike. */
export class MatchModel {
  /** The predicted bit as an input of a mixer, weighted by experience and by length; 0 and 0 without a match. */
  logOdds = 0;
  strength = 0;
  readonly #history: Uint8Array;
  readonly #places: Int32Array;
  /** How often a match of a length told a 1 or a 0 rightly. */
  readonly #right = new Uint16Array(2 * (longestCounted + 1)).fill(one / 2);
  #written = 0;
  #place = 0;
  #length = 0;
  /** The counter that spoke for the bit that comes; -1 if none did. */
  #spoke = -1;
  #predicted: 0 | 1 = 0;

  /** Looks back over 2^`bits` bytes. */
  constructor(bits: number) {
    this.#history = new Uint8Array(2 ** bits);
    this.#places = new Int32Array(2 ** Math.min(bits, 20)).fill(-1);
  }

  /** Bytes that agree, of a match that has told all bits of this byte so far. */
  get length(): number {
    return this.#spoke < 0 ? 0 : this.#length;
  }

  /** `begun`: the bits of this byte so far behind a leading 1; `left`: how many come, this one counted. */
  predict(begun: number, left: number): void {
    this.#spoke = -1;
    this.logOdds = 0;
    this.strength = 0;
    if (this.#length === 0) return;
    const byte = this.#byteAt(this.#place);
    if ((byte + 256) >> left !== begun) return;
    this.#predicted = ((byte >> (left - 1)) & 1) as 0 | 1;
    this.#spoke = Math.min(this.#length, longestCounted) * 2 + this.#predicted;
    this.logOdds = stretch(this.#right[this.#spoke] as number);
    this.strength = (this.#predicted === 1 ? 16 : -16) * Math.min(this.#length, longestVerified);
  }

  update(bit: 0 | 1): void {
    if (this.#spoke < 0) return;
    const right = this.#right[this.#spoke] as number;
    this.#right[this.#spoke] = right + (((bit === 1 ? one - 1 : 0) - right) >> slowness);
    if (this.#predicted !== bit) this.#length = 0;
  }

  /** A whole byte has come. `hash`: of the last six bytes. */
  append(byte: number, hash: number): void {
    const isMatched = this.#length > 0 && this.#byteAt(this.#place) === byte;
    this.#history[this.#written++ & (this.#history.length - 1)] = byte;
    if (isMatched) {
      this.#place++;
      this.#length++;
    } else this.#length = 0;
    const entry = (hash >>> 8) & (this.#places.length - 1);
    if (this.#length === 0) this.#find(this.#places[entry] as number);
    this.#places[entry] = this.#written;
  }

  #find(candidate: number): void {
    if (candidate < 0 || this.#written - candidate >= this.#history.length - longestVerified) return;
    let length = 0;
    while (
      length < longestVerified &&
      length < candidate &&
      this.#byteAt(candidate - length - 1) === this.#byteAt(this.#written - length - 1)
    ) {
      length++;
    }
    if (length < shortestMatch) return;
    this.#place = candidate;
    this.#length = length;
  }

  #byteAt(place: number): number {
    return this.#history[place & (this.#history.length - 1)] as number;
  }
}
