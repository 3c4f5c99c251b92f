/**
 * Counter-based random numbers: every draw is a pure function of its key, so dropout, shuffling and sampling are the
 * same on 1 device or N, before and after a resume, and nothing has a hidden state to save.
 */

/** Mixes 32 bits so that every input bit changes every output bit with probability near 1/2 (lowbias32, C. Wellons 2018). */
export function mix32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** What a random number is for; part of every key, so that two uses never share a stream. */
export const purposes = {
  initialise: 1,
  shuffle: 2,
  dropout: 3,
  sample: 4,
  corpus: 5,
  bootstrap: 6,
  segmentation: 7,
} as const;
export type Purpose = keyof typeof purposes;

/** A 32-bit key from a seed, a purpose and further counters (step, layer, sentence, position, ...), each an integer. */
export function randomKey(seed: number, purpose: Purpose, ...counters: number[]): number {
  let key = mix32(seed ^ Math.imul(purposes[purpose], 0x9e3779b9));
  for (const counter of counters) {
    // Counters above 2^32 (sentences of a very large corpus) contribute both their halves.
    const high = Math.floor(counter / 0x100000000);
    key = mix32(key ^ mix32((counter >>> 0) + 0x9e3779b9));
    if (high !== 0) key = mix32(key ^ mix32(high + 0x85ebca6b));
  }
  return key;
}

/** A number in [0, 1) with 53 random bits: the `index`-th of the stream named by `key`. */
export function uniform(key: number, index: number): number {
  const high = mix32(key ^ mix32(index));
  const low = mix32((key + 0x632be5ab) ^ mix32(index ^ 0x5bd1e995));
  return (high * 0x200000 + (low >>> 11)) / 0x20000000000000;
}

/** An integer in [0, bound): the `index`-th of the stream named by `key`. */
export function uniformInteger(key: number, index: number, bound: number): number {
  return Math.floor(uniform(key, index) * bound);
}

/** A number drawn from the standard normal distribution: the `index`-th of the stream (Box-Muller). */
export function normal(key: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniform(key, 2 * index + 1));
}

/** Shuffles in place (Fisher-Yates) with the stream named by `key`. */
export function shuffle<Item>(items: { length: number; [index: number]: Item }, key: number): void {
  for (let last = items.length - 1; last > 0; last--) {
    const chosen = uniformInteger(key, last, last + 1);
    const moved = items[last] as Item;
    items[last] = items[chosen] as Item;
    items[chosen] = moved;
  }
}
