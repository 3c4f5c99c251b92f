/** Number of a pair that has none. */
export const unnumbered = -1;

/**
 * Pairs of whole numbers from 0 on, each numbered from 0 in the order in which they came: a hash table of 16 bytes per pair. A pair of a
 * number and an id is also how a sequence is known by that of its beginning.
 */
export class NumberedPairs {
  readonly #most: number;
  #firsts = new Int32Array(1 << 10);
  #seconds = new Int32Array(1 << 10);
  /** Number of the pair, one higher, where its hash leads; 0: nothing. Open addressing, half full at most. */
  #slots = new Int32Array(1 << 11);
  #size = 0;
  #refused = 0;

  /** @param most  pairs that there is room for */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /** How often there was no room for a pair. */
  get refused(): number {
    return this.#refused;
  }

  /** The first of each pair. */
  get firsts(): Int32Array {
    return this.#firsts.subarray(0, this.#size);
  }

  /** The second of each pair. */
  get seconds(): Int32Array {
    return this.#seconds.subarray(0, this.#size);
  }

  /** The number of a pair, a new one if need be; `unnumbered` where there was no room for it. */
  add(first: number, second: number): number {
    const slot = this.#slotOf(first, second);
    const found = this.#slots[slot] as number;
    if (found !== 0) return found - 1;
    if (this.#size === this.#most) {
      this.#refused++;
      return unnumbered;
    }
    const number = this.#size++;
    this.#firsts[number] = first;
    this.#seconds[number] = second;
    this.#slots[slot] = this.#size;
    if (this.#size === this.#firsts.length) this.#grow();
    return number;
  }

  /** The number of a pair; `unnumbered` where it has none. */
  find(first: number, second: number): number {
    return (this.#slots[this.#slotOf(first, second)] as number) - 1;
  }

  #slotOf(first: number, second: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (;;) {
      const pair = (this.#slots[slot] as number) - 1;
      if (pair < 0 || (this.#firsts[pair] === first && this.#seconds[pair] === second)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const size = Math.min(2 * this.#size, this.#most + 1);
    const [firsts, seconds] = [new Int32Array(size), new Int32Array(size)];
    firsts.set(this.#firsts);
    seconds.set(this.#seconds);
    this.#firsts = firsts;
    this.#seconds = seconds;
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let pair = 0; pair < this.#size; pair++) this.#slots[this.#slotOf(firsts[pair] as number, seconds[pair] as number)] = pair + 1;
  }
}
