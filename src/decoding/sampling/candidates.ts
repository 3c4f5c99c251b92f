/** Ranks nearer to the greatest than this many buckets are told apart by 1/32 nat without sorting. */
const buckets = 1_024;
const bucketsPerNat = 32;

/** The tokens that may follow a row, in the order of their ids. They are thinned out in place, again and again. */
export class Candidates {
  readonly #ids: Int32Array;
  readonly #logProbabilities: Float32Array;
  readonly #probabilities: Float32Array;
  readonly #sums = new Float64Array(buckets);
  #count = 0;
  #total = 0;

  /** Room for as many as a vocabulary has. */
  constructor(vocabulary: number) {
    this.#ids = new Int32Array(vocabulary);
    this.#logProbabilities = new Float32Array(vocabulary);
    this.#probabilities = new Float32Array(vocabulary);
  }

  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#count);
  }

  /** Those that they had when there were more candidates: they are less by the logarithm of `total`. */
  get logProbabilities(): Float32Array {
    return this.#logProbabilities.subarray(0, this.#count);
  }

  /** Exponentials of `logProbabilities`. */
  get probabilities(): Float32Array {
    return this.#probabilities.subarray(0, this.#count);
  }

  /** Sum of `probabilities`. */
  get total(): number {
    return this.#total;
  }

  /** Takes every token that may follow. */
  fill(logProbabilities: Float32Array, probabilities: Float32Array): void {
    let [count, total] = [0, 0];
    for (let id = 0; id < logProbabilities.length; id++) {
      const logProbability = logProbabilities[id] as number;
      if (!(logProbability > -Infinity)) continue;
      const probability = probabilities[id] as number;
      this.#ids[count] = id;
      this.#logProbabilities[count] = logProbability;
      this.#probabilities[count++] = probability;
      total += probability;
    }
    this.#count = count;
    this.#total = total;
  }

  /**
   * Keeps the candidates whose rank is at least `least`; of those that have just this rank, by id, no more than are needed for the
   * weights to sum to `left`: their probabilities, or 1 each.
   */
  keepFrom(ranks: Ranks, least: number, left = Infinity, weigh: Weigh = 'each'): void {
    const [ids, logProbabilities, probabilities] = [this.#ids, this.#logProbabilities, this.#probabilities];
    let [kept, total, missing] = [0, 0, left];
    for (let index = 0; index < this.#count; index++) {
      const [rank, probability] = [ranks[index] as number, probabilities[index] as number];
      if (rank < least || (rank === least && missing <= 0)) continue;
      if (rank === least) missing -= weigh === 'each' ? 1 : probability;
      ids[kept] = ids[index] as number;
      logProbabilities[kept] = logProbabilities[index] as number;
      probabilities[kept++] = probability;
      total += probability;
    }
    this.#count = kept;
    this.#total = total;
  }

  /**
   * Keeps the fewest candidates, those with the greatest ranks (in nats) first, equal ones by id, whose weights sum to at least
   * `amount`; all where that is not reached.
   *
   * Only those that have nearly the rank of the last that is kept are sorted: to sort a vocabulary would cost more than to predict it.
   */
  keepFirst(ranks: Ranks, amount: number, weigh: Weigh): void {
    const probabilities = this.#probabilities;
    const best = greatest(ranks);
    const furthest = (buckets - 1) / bucketsPerNat;
    const bucketOf = (rank: number) => (best - rank < furthest ? ((best - rank) * bucketsPerNat) | 0 : buckets - 1);
    const sums = this.#sums.fill(0);
    for (let index = 0; index < ranks.length; index++) {
      const bucket = bucketOf(ranks[index] as number);
      sums[bucket] = (sums[bucket] as number) + (weigh === 'each' ? 1 : (probabilities[index] as number));
    }
    let [last, left] = [0, amount];
    while (last < buckets && (sums[last] as number) < left) left -= sums[last++] as number;
    if (last === buckets) return;
    const near: number[] = [];
    for (let index = 0; index < ranks.length; index++) if (bucketOf(ranks[index] as number) === last) near.push(index);
    near.sort((a, b) => (ranks[b] as number) - (ranks[a] as number) || a - b);
    let [rank, leftAtRank] = [Number.NaN, left];
    for (const index of near) {
      if (ranks[index] !== rank) [rank, leftAtRank] = [ranks[index] as number, left];
      left -= weigh === 'each' ? 1 : (probabilities[index] as number);
      if (left <= 0) break;
    }
    this.keepFrom(ranks, rank, leftAtRank, weigh);
  }

  /** The candidate at which the sum of probabilities passes this fraction of their total, from 0 to below 1: a draw, if it is random. */
  at(fraction: number): number {
    const probabilities = this.#probabilities;
    let [left, last] = [fraction * this.#total, 0];
    for (let index = 0; index < this.#count; index++) {
      const probability = probabilities[index] as number;
      if (probability === 0) continue;
      last = index;
      left -= probability;
      if (left < 0) break;
    }
    return this.#ids[last] as number;
  }
}

/** What candidates are ordered by, one number each. */
type Ranks = Float32Array | Float64Array;

/** What a candidate counts: 1, or its probability. */
type Weigh = 'each' | 'probability';

/** The greatest of some ranks; -Infinity for none. */
export function greatest(ranks: Ranks): number {
  let most = -Infinity;
  for (let index = 0; index < ranks.length; index++) if ((ranks[index] as number) > most) most = ranks[index] as number;
  return most;
}
