import { mix32 } from '../core/random.js';
import type { BitModel } from './bit-model.js';
import { Counters } from './counters.js';
import { largestProbability, leastProbability, one, stretch } from './logistic.js';
import { MatchModel } from './match-model.js';
import { Mixer } from './mixer.js';
import { Refinement } from './refinement.js';

/** Contexts: the last 1 to 6 bytes, the word, the word and the one before it, the two bytes before the last. */
const contexts = 9;
/** Those of bytes. */
const orders = 6;
/** A probability and a history of each context, the bits of the byte alone, a match and its length, a constant. */
const ownInputs = 2 * contexts + 4;
/** Sets of weights of each mixer: by the bits of this byte, by the byte before, by what is known. */
const mixerSets = [256, 256, 512] as const;
/** Of what few bits have shown, in 1/256. */
const trust = [0, 160, 210, 256] as const;

/**
 * Counting models of several orders, mixed with a network of two layers whose weights are chosen by context, as in PAQ (Mahoney 2005) and lpaq. All in
 * whole numbers: the same bits on every engine. Another model's predictions may be mixed in.
 */
export class CountingModel implements BitModel {
  readonly #counters: readonly Counters[];
  /** What bits followed each history, for each context. */
  readonly #histories = Array.from({ length: contexts }, () => new Uint16Array(256).fill(one / 2));
  readonly #places = new Int32Array(contexts);
  readonly #slots = new Int32Array(contexts);
  readonly #hashes = new Int32Array(contexts);
  readonly #alone = new Uint16Array(256).fill(one / 2);
  readonly #match: MatchModel;
  readonly #beside: BitModel | undefined;
  readonly #inputs: Int32Array;
  readonly #mixers: readonly Mixer[];
  readonly #mixed = new Int32Array(mixerSets.length);
  readonly #last = new Mixer(this.#mixed, 256, 1 / 3);
  readonly #byBits = new Refinement(256);
  readonly #byByte = new Refinement(65_536);
  /** The last four bytes, and the four before them. */
  #recent = 0;
  #before = 0;
  #word = 0;
  #wordBefore = 0;
  /** The bits of this byte behind a leading 1. */
  #begun = 1;
  #left = 8;

  /**
   * @param bits    2^`bits` slots for each context: 2^`bits` times 594 bytes in all, and as much of the text to look back over
   * @param beside  mixed in; it is told every bit
   */
  constructor(bits: number, beside?: BitModel) {
    this.#beside = beside;
    this.#inputs = new Int32Array(ownInputs + (beside === undefined ? 0 : 1));
    this.#mixers = mixerSets.map((sets) => new Mixer(this.#inputs, sets, 0.28));
    this.#counters = Array.from({ length: contexts }, () => new Counters(bits));
    this.#match = new MatchModel(bits + 4);
    this.#lookUp();
  }

  predict(): number {
    const known = this.#gather();
    const [begun, recent] = [this.#begun, this.#recent];
    const length = this.#match.length;
    const grade = length === 0 ? 0 : Math.min(7, 1 + (length >> 2));
    const sets = [begun, recent & 0xff, (grade * 8 + known) * 8 + this.#left - 1] as const;
    for (const [place, mixer] of this.#mixers.entries()) {
      mixer.mix(sets[place] as number);
      this.#mixed[place] = mixer.logOdds;
    }
    const mixed = this.#last.mix(begun);
    const { logOdds } = this.#last;
    const byBits = this.#byBits.refine(logOdds, begun);
    const byByte = this.#byByte.refine(logOdds, (begun << 8) | (recent & 0xff));
    return Math.max(leastProbability, Math.min(largestProbability, (2 * mixed + byBits + byByte) >> 2));
  }

  update(bit: 0 | 1): void {
    this.#byBits.update(bit);
    this.#byByte.update(bit);
    this.#last.update(bit, 1);
    for (const mixer of this.#mixers) mixer.update(bit);
    const target = bit === 1 ? one - 1 : 0;
    for (let context = 0; context < contexts; context++) {
      const [counters, place] = [this.#counters[context] as Counters, this.#places[context] as number];
      const followed = this.#histories[context] as Uint16Array;
      const history = counters.histories[place] as number;
      followed[history] = (followed[history] as number) + ((target - (followed[history] as number)) >> 6);
      counters.update(place, bit);
    }
    this.#alone[this.#begun] = (this.#alone[this.#begun] as number) + ((target - (this.#alone[this.#begun] as number)) >> 5);
    this.#match.update(bit);
    this.#beside?.update(bit);
    this.#begun = (this.#begun << 1) | bit;
    this.#left--;
    if (this.#left === 0) this.#append(this.#begun & 0xff);
    if (this.#left === 8 || this.#left === 4) this.#lookUp();
  }

  /** Fills the inputs of the mixers; gives how many orders have met their context. */
  #gather(): number {
    const node = this.#left > 4 ? this.#begun : (1 << (4 - this.#left)) | (this.#begun & ((1 << (4 - this.#left)) - 1));
    const given = this.#inputs;
    let known = 0;
    for (let context = 0; context < contexts; context++) {
      const counters = this.#counters[context] as Counters;
      const place = (this.#slots[context] as number) + node;
      this.#places[context] = place;
      const seen = counters.seen[place] as number;
      if (seen > 0 && context < orders) known++;
      const followed = (this.#histories[context] as Uint16Array)[counters.histories[place] as number] as number;
      given[2 * context] = (stretch(counters.probabilities[place] as number) * (trust[Math.min(seen, 3)] as number)) >> 8;
      given[2 * context + 1] = seen === 0 ? 0 : stretch(followed);
    }
    this.#match.predict(this.#begun, this.#left);
    given[2 * contexts] = stretch(this.#alone[this.#begun] as number);
    given[2 * contexts + 1] = this.#match.logOdds;
    given[2 * contexts + 2] = this.#match.strength;
    given[2 * contexts + 3] = 256;
    if (this.#beside !== undefined) given[ownInputs] = stretch(this.#beside.predict());
    return known;
  }

  /** Finds the slots of the half of a byte that comes. */
  #lookUp(): void {
    const half = this.#left === 8 ? 0 : Math.imul(this.#begun, 0x9e3779b1);
    for (let context = 0; context < contexts; context++) {
      const hash = mix32(((this.#hashes[context] as number) ^ half) + context);
      this.#slots[context] = (this.#counters[context] as Counters).slotOf(hash);
    }
  }

  #append(byte: number): void {
    this.#before = (this.#before << 8) | (this.#recent >>> 24);
    this.#recent = (this.#recent << 8) | byte;
    this.#begun = 1;
    this.#left = 8;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
    if ((lower >= 0x61 && lower <= 0x7a) || byte >= 0x80) this.#word = mix32(this.#word + lower);
    else if (this.#word !== 0) {
      this.#wordBefore = this.#word;
      this.#word = 0;
    }
    const [recent, before] = [this.#recent, this.#before];
    const ofSix = Math.imul(recent, 0x2c1b3c6d) ^ Math.imul(before & 0xffff, 0x45d9f3b);
    this.#hashes.set([
      recent & 0xff,
      recent & 0xffff,
      recent & 0xffffff,
      recent,
      mix32(recent) + (before & 0xff),
      ofSix,
      Math.imul(this.#word, 0x2545f491) + byte,
      Math.imul(this.#word, 0x2545f491) + Math.imul(this.#wordBefore, 0x7feb352d),
      recent & 0xffff00,
    ]);
    for (let context = 0; context < contexts; context++) {
      this.#hashes[context] = Math.imul((this.#hashes[context] as number) + 1, 0x2f0b4c47) + Math.imul(context, 0x1000193);
    }
    this.#match.append(byte, mix32(ofSix));
  }
}
