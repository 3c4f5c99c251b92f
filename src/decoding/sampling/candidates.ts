/** Ranks nearer to the greatest than this many nats are told apart by 1/32 of one without sorting. */
const buckets = 1_024;
const bucketsPerNat = 32;

/** The tokens that may follow a row, in the order of their ids, with logits. They are thinned out in place, again and again. */
export class Candidates {
  readonly #ids: Int32Array;
  readonly #logits: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #sums = new Float64Array(buckets);
  #count = 0;

  /** Room for as many as a vocabulary has. */
  constructor(vocabulary: number) {
    this.#ids = new Int32Array(vocabulary);
    this.#logits = new Float64Array(vocabulary);
    this.#probabilities = new Float64Array(vocabulary);
  }

  get count(): number {
    return this.#count;
  }

  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#count);
  }

  /** In nats, for processors to change. */
  get logits(): Float64Array {
    return this.#logits.subarray(0, this.#count);
  }

  /** Takes every token whose logit is finite. */
  fill(logits: Float32Array): void {
    const [ids, taken] = [this.#ids, this.#logits];
    let count = 0;
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id] as number;
      if (!(logit > -Infinity && logit < Infinity)) continue;
      ids[count] = id;
      taken[count++] = logit;
    }
    this.#count = count;
  }

  /** Softmax of the logits. Lasts until the next call. */
  probabilities(): Float64Array {
    const [logits, probabilities] = [this.logits, this.#probabilities.subarray(0, this.#count)];
    const most = greatest(logits);
    let sum = 0;
    for (let index = 0; index < logits.length; index++) {
      const weight = Math.exp((logits[index] as number) - most);
      probabilities[index] = weight;
      sum += weight;
    }
    for (let index = 0; index < logits.length; index++) probabilities[index] = (probabilities[index] as number) / sum;
    return probabilities;
  }

  /** Keeps the candidates whose rank is at least `least`, of those that have this rank as many as weigh `left` together, by id. */
  keepFrom(ranks: Float64Array, least: number, weights?: Float64Array, left = Infinity): void {
    const [ids, logits] = [this.#ids, this.#logits];
    let [kept, missing] = [0, left];
    for (let index = 0; index < this.#count; index++) {
      const rank = ranks[index] as number;
      if (rank < least || (rank === least && missing <= 0)) continue;
      if (rank === least) missing -= weights?.[index] ?? 1;
      ids[kept] = ids[index] as number;
      logits[kept++] = logits[index] as number;
    }
    this.#count = kept;
  }

  /**
   * Keeps the fewest candidates, those with the greatest ranks (in nats) first, equal ones by id, whose weights sum to at least `total`;
   * all where that is not reached. Without `weights` each weighs 1.
   *
   * Only those that have nearly the rank of the last that is kept are sorted: to sort a vocabulary would cost more than to predict it.
   */
  keepFirst(ranks: Float64Array, total: number, weights?: Float64Array): void {
    const best = greatest(ranks);
    const bucketOf = (rank: number) => Math.min(buckets - 1, Math.floor((best - rank) * bucketsPerNat));
    const sums = this.#sums.fill(0);
    for (let index = 0; index < ranks.length; index++) {
      const bucket = bucketOf(ranks[index] as number);
      sums[bucket] = (sums[bucket] as number) + (weights === undefined ? 1 : (weights[index] as number));
    }
    let [last, left] = [0, total];
    while (last < buckets && (sums[last] as number) < left) left -= sums[last++] as number;
    if (last === buckets) return;
    const near: number[] = [];
    for (let index = 0; index < ranks.length; index++) if (bucketOf(ranks[index] as number) === last) near.push(index);
    near.sort((a, b) => (ranks[b] as number) - (ranks[a] as number) || a - b);
    let [start, rank] = [left, Number.NaN];
    for (const index of near) {
      if (ranks[index] !== rank) [start, rank] = [left, ranks[index] as number];
      left -= weights?.[index] ?? 1;
      if (left <= 0) break;
    }
    this.keepFrom(ranks, rank, weights, start);
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

/** The greatest of some values; -Infinity for none. */
export function greatest(values: Float64Array): number {
  let most = -Infinity;
  for (let index = 0; index < values.length; index++) if ((values[index] as number) > most) most = values[index] as number;
  return most;
}
