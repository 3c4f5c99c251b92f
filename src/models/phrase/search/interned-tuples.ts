/**
 * Gives equal tuples of whole numbers the same handle: 0, 1, 2 … in the order in which they first came. A hash table with open
 * addressing; its columns grow.
 */
export class InternedTuples {
  /** Numbers per tuple. */
  readonly width: number;
  /** To be filled with the tuple before `intern`. */
  readonly tuple: Int32Array;
  readonly #numbers: number[] = [];
  #count = 0;
  /** Handles plus 1; 0 where a slot is free. At most half of them are taken. */
  #slots = new Int32Array(1024);

  constructor(width: number) {
    this.width = width;
    this.tuple = new Int32Array(width);
  }

  get count(): number {
    return this.#count;
  }

  at(handle: number, column: number): number {
    return this.#numbers[handle * this.width + column] as number;
  }

  /** The handle of `tuple`: `count` as it was before, where the tuple is new. */
  intern(): number {
    const { tuple, width } = this;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashOf(tuple) & mask;
    for (let taken = slots[slot] as number; taken !== 0; taken = slots[slot] as number) {
      if (this.#isTuple(taken - 1)) return taken - 1;
      slot = (slot + 1) & mask;
    }
    for (let column = 0; column < width; column++) this.#numbers.push(tuple[column] as number);
    slots[slot] = ++this.#count;
    if (2 * this.#count > slots.length) this.#grow();
    return this.#count - 1;
  }

  #isTuple(handle: number): boolean {
    const { tuple, width } = this;
    for (let column = 0; column < width; column++) if (this.#numbers[handle * width + column] !== tuple[column]) return false;
    return true;
  }

  #grow(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    const tuple = new Int32Array(this.width);
    for (let handle = 0; handle < this.#count; handle++) {
      for (let column = 0; column < this.width; column++) tuple[column] = this.at(handle, column);
      let slot = hashOf(tuple) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = handle + 1;
    }
    this.#slots = slots;
  }
}

function hashOf(tuple: Int32Array): number {
  let hash = 0;
  for (let column = 0; column < tuple.length; column++) {
    hash = Math.imul(hash ^ (tuple[column] as number), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
