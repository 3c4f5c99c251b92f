import { one } from './logistic.js';

/** Entries of a slot: a place for each of the up to 15 beginnings of half a byte; the first is not used. */
const slotSize = 16;
/** Counts of 1 to so many make a counter slower to change. */
const slowest = 250;
/** Slots in which a context may lie. */
const neighbours = 3;

/** By how much a counter goes towards a bit, in 1/65,536, when it has seen so many. */
const rates = Int32Array.from({ length: slowest + 1 }, (_, seen) => Math.floor(one / (seen + 1.6)));

/**
 * What followed contexts of one kind, bit by bit. A context's hash leads to a slot for the half of a byte that comes; each beginning of that half
 * has there the probability that a 1 follows, how many bits it has seen, and the last seven of them.
 */
export class Counters {
  /** Of a 1. */
  readonly probabilities: Uint16Array;
  readonly seen: Uint8Array;
  /** The last bits behind a leading 1. */
  readonly histories: Uint8Array;
  readonly #checks: Uint16Array;
  readonly #mask: number;

  /** 2^`bits` slots. */
  constructor(bits: number) {
    const slots = 2 ** bits;
    this.probabilities = new Uint16Array(slots * slotSize).fill(one / 2);
    this.seen = new Uint8Array(slots * slotSize);
    this.histories = new Uint8Array(slots * slotSize).fill(1);
    this.#checks = new Uint16Array(slots);
    this.#mask = slots - 1;
  }

  /** Where the slot of a context begins. A new context takes the place of the neighbour that was met least. */
  slotOf(hash: number): number {
    const check = (hash >>> 16) | 1;
    const home = (Math.imul(hash, 0x9e3779b1) >>> 8) & this.#mask;
    let [chosen, fewest] = [home, Number.POSITIVE_INFINITY];
    for (let neighbour = 0; neighbour < neighbours; neighbour++) {
      const slot = home ^ neighbour;
      const found = this.#checks[slot];
      if (found === check) return slot * slotSize;
      const met = found === 0 ? -1 : (this.seen[slot * slotSize + 1] as number);
      if (met < fewest) [chosen, fewest] = [slot, met];
    }
    this.#checks[chosen] = check;
    const begin = chosen * slotSize;
    this.probabilities.fill(one / 2, begin, begin + slotSize);
    this.seen.fill(0, begin, begin + slotSize);
    this.histories.fill(1, begin, begin + slotSize);
    return begin;
  }

  /** Learns the bit that followed at a place. */
  update(place: number, bit: 0 | 1): void {
    const probability = this.probabilities[place] as number;
    const seen = this.seen[place] as number;
    this.probabilities[place] = probability + Math.floor((((bit === 1 ? one - 1 : 0) - probability) * (rates[seen] as number)) / one);
    if (seen < slowest) this.seen[place] = seen + 1;
    const history = ((this.histories[place] as number) << 1) | bit;
    this.histories[place] = history > 255 ? (history & 127) | 128 : history;
  }
}
