/** Sentence pairs as word ids, one behind another: 4 bytes per word and 16 per pair. */
export class Bitext {
  #ids = new Int32Array(1 << 12);
  /** Where the source and the target of each pair begin, and after the last where it ends. */
  #begins = new Float64Array(1 << 10);
  #pairs = 0;

  get pairs(): number {
    return this.#pairs;
  }

  /** Words of both sides. */
  get words(): number {
    return this.#begins[2 * this.#pairs] as number;
  }

  /** Either side may be empty: the pair keeps its number. */
  add(source: ArrayLike<number>, target: ArrayLike<number>): void {
    const begin = this.words;
    const end = begin + source.length + target.length;
    while (end > this.#ids.length) this.#ids = grown(this.#ids, new Int32Array(2 * this.#ids.length));
    if (2 * this.#pairs + 2 >= this.#begins.length) this.#begins = grown(this.#begins, new Float64Array(2 * this.#begins.length));
    this.#ids.set(source, begin);
    this.#ids.set(target, begin + source.length);
    this.#begins[2 * this.#pairs + 1] = begin + source.length;
    this.#begins[2 * this.#pairs + 2] = end;
    this.#pairs++;
  }

  source(pair: number): Int32Array {
    return this.#side(2 * pair);
  }

  target(pair: number): Int32Array {
    return this.#side(2 * pair + 1);
  }

  #side(place: number): Int32Array {
    return this.#ids.subarray(this.#begins[place], this.#begins[place + 1]);
  }
}

function grown<Numbers extends Int32Array | Float64Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
