/** A binary heap of numbered candidates: the one with the highest key first, of equal keys the lowest number. */
export class CandidateHeap {
  readonly #keys: number[] = [];
  readonly #candidates: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
  }

  push(key: number, candidate: number): void {
    this.#rise(this.#size++, key, candidate);
  }

  /** Takes the first out; there must be one. */
  pop(): number {
    const first = this.#candidates[0] as number;
    this.#size--;
    if (this.#size > 0) this.#sink(0, this.#keys[this.#size] as number, this.#candidates[this.#size] as number);
    return first;
  }

  #rise(from: number, key: number, candidate: number): void {
    const keys = this.#keys;
    const candidates = this.#candidates;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = keys[parent] as number;
      if (above > key || (above === key && (candidates[parent] as number) < candidate)) break;
      keys[place] = above;
      candidates[place] = candidates[parent] as number;
      place = parent;
    }
    keys[place] = key;
    candidates[place] = candidate;
  }

  #sink(from: number, key: number, candidate: number): void {
    const keys = this.#keys;
    const candidates = this.#candidates;
    const size = this.#size;
    let place = from;
    for (let child = 2 * place + 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && this.#isBefore(child + 1, child)) child++;
      const below = keys[child] as number;
      if (key > below || (key === below && candidate < (candidates[child] as number))) break;
      keys[place] = below;
      candidates[place] = candidates[child] as number;
      place = child;
    }
    keys[place] = key;
    candidates[place] = candidate;
  }

  #isBefore(a: number, b: number): boolean {
    const difference = (this.#keys[a] as number) - (this.#keys[b] as number);
    return difference > 0 || (difference === 0 && (this.#candidates[a] as number) < (this.#candidates[b] as number));
  }
}
