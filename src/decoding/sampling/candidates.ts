/** The tokens that may follow a row, in the order of their ids, with logits. They are thinned out in place, again and again. */
export class Candidates {
  readonly #ids: Int32Array;
  readonly #logits: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #order: Int32Array;
  #count = 0;

  /** Room for as many as a vocabulary has. */
  constructor(vocabulary: number) {
    this.#ids = new Int32Array(vocabulary);
    this.#logits = new Float64Array(vocabulary);
    this.#probabilities = new Float64Array(vocabulary);
    this.#order = new Int32Array(vocabulary);
  }

  get count(): number {
    return this.#count;
  }

  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#count);
  }

  /** For processors to change. */
  get logits(): Float64Array {
    return this.#logits.subarray(0, this.#count);
  }

  /** Takes every token whose logit is finite. */
  fill(logits: Float32Array): void {
    this.#count = 0;
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id] as number;
      if (!Number.isFinite(logit)) continue;
      this.#ids[this.#count] = id;
      this.#logits[this.#count++] = logit;
    }
  }

  /** Softmax of the logits. Lasts until the next call. */
  probabilities(): Float64Array {
    const [logits, probabilities] = [this.logits, this.#probabilities.subarray(0, this.#count)];
    let most = -Infinity;
    for (let index = 0; index < logits.length; index++) most = Math.max(most, logits[index] as number);
    let sum = 0;
    for (let index = 0; index < logits.length; index++) {
      const weight = Math.exp((logits[index] as number) - most);
      probabilities[index] = weight;
      sum += weight;
    }
    for (let index = 0; index < logits.length; index++) probabilities[index] = (probabilities[index] as number) / sum;
    return probabilities;
  }

  /** Keeps the candidates that the condition holds for. */
  keep(isKept: (index: number) => boolean): void {
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      if (!isKept(index)) continue;
      this.#ids[kept] = this.#ids[index] as number;
      this.#logits[kept++] = this.#logits[index] as number;
    }
    this.#count = kept;
  }

  /**
   * Keeps the fewest candidates, those with the greatest ranks first (equal ones by id), whose weights sum to at least `total`; all
   * where that is not reached.
   */
  keepFirst(ranks: ArrayLike<number>, weightOf: (index: number) => number, total: number): void {
    const last = this.#lastKept(ranks, weightOf, total);
    if (last === undefined) return;
    let left = last.left;
    this.keep((index) => {
      const rank = ranks[index] as number;
      if (rank !== last.rank) return rank > last.rank;
      const isKept = left > 0;
      left -= weightOf(index);
      return isKept;
    });
  }

  /**
   * The least rank that is kept, and how much weight candidates of this rank have to bring; undefined where all weigh too little. By
   * selection, in linear time: to sort a vocabulary would cost more than to predict it.
   */
  #lastKept(ranks: ArrayLike<number>, weightOf: (index: number) => number, total: number): { rank: number; left: number } | undefined {
    const order = this.#order.subarray(0, this.#count);
    for (let index = 0; index < order.length; index++) order[index] = index;
    let [start, end, left] = [0, order.length, total];
    while (start < end) {
      const rank = ranks[order[(start + end) >> 1] as number] as number;
      const { firstEqual, firstLower } = partition(order, start, end, ranks, rank);
      const greater = sum(order, start, firstEqual, weightOf);
      if (greater >= left) {
        end = firstEqual;
        continue;
      }
      left -= greater;
      const equal = sum(order, firstEqual, firstLower, weightOf);
      if (equal >= left) return { rank, left };
      left -= equal;
      start = firstLower;
    }
    return undefined;
  }

  /** The candidate at which the sum of their probabilities passes `fraction`, a number from 0 to below 1: a draw, if the fraction is random. */
  at(fraction: number, probabilities: Float64Array): number {
    let [left, last] = [fraction, 0];
    for (let index = 0; index < probabilities.length; index++) {
      const probability = probabilities[index] as number;
      if (probability === 0) continue;
      last = index;
      left -= probability;
      if (left < 0) break;
    }
    return this.#ids[last] as number;
  }
}

/** Reorders so that greater ranks than the pivot's come first, then equal ones, then lower ones. */
function partition(order: Int32Array, start: number, end: number, ranks: ArrayLike<number>, pivot: number) {
  let [firstEqual, firstLower] = [start, end];
  for (let place = start; place < firstLower; ) {
    const index = order[place] as number;
    const rank = ranks[index] as number;
    if (rank > pivot) {
      order[place++] = order[firstEqual] as number;
      order[firstEqual++] = index;
    } else if (rank < pivot) {
      order[place] = order[--firstLower] as number;
      order[firstLower] = index;
    } else {
      place++;
    }
  }
  return { firstEqual, firstLower };
}

function sum(order: Int32Array, start: number, end: number, weightOf: (index: number) => number): number {
  let total = 0;
  for (let place = start; place < end; place++) total += weightOf(order[place] as number);
  return total;
}
