import type { AccumulatedList } from './accumulated-lists.js';
import { addRow } from './rows.js';
import type { TunedMetric } from './tuned-metric.js';

/**
 * The corpus that a sentence is scored as a part of: what was chosen for the sentences before it, the more distant the less (Chiang et
 * al. 2008, "Online large-margin training of syntactic and structural translation features", section 4). A metric such as BLEU says
 * little of one sentence, much of a corpus that a sentence changes.
 */
export class PseudoCorpus {
  readonly #metric: TunedMetric;
  readonly #decay: number;
  readonly #statistics: Float64Array;
  /** Words of its references. */
  #length = 0;

  /** Begins with what `weights` choose for all sentences. */
  constructor(metric: TunedMetric, lists: readonly AccumulatedList[], weights: Float64Array, decay: number) {
    this.#metric = metric;
    this.#decay = decay;
    this.#statistics = totalStatistics(lists, weights);
    for (const { length } of lists) this.#length += length;
  }

  /**
   * What each of a sentence's statistics is worth: by how much one more of it raises the score, times the words of the corpus, so that
   * it is of the order of the words that are right. A sentence is a small part, for which the score is all but linear.
   */
  worth(): Float64Array {
    const before = this.#metric.score(this.#statistics).score;
    return this.#statistics.map((value, column, statistics) => {
      statistics[column] = value + 1;
      const { score } = this.#metric.score(statistics);
      statistics[column] = value;
      return ((score - before) / 100) * this.#length;
    });
  }

  /** Takes the choice for a sentence in. */
  add(list: AccumulatedList, hypothesis: number): void {
    for (let column = 0; column < this.#statistics.length; column++) (this.#statistics[column] as number) *= this.#decay;
    addRow(this.#statistics, list.statistics, hypothesis);
    this.#length = this.#decay * this.#length + list.length;
  }
}

/** The sum of the statistics of what weights choose for each sentence. */
export function totalStatistics(lists: readonly AccumulatedList[], weights: Float64Array): Float64Array {
  const [first] = lists;
  const sum = new Float64Array(first?.statisticsSize ?? 0);
  for (const list of lists) addRow(sum, list.statistics, list.best(weights));
  return sum;
}
