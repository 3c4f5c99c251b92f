/** What weights are tuned towards, such as the metrics of `metrics/`: the score of a corpus is a function of sums over its sentences. */
export interface TunedMetric {
  /** Sufficient statistics of one sentence: always the same number of them. */
  statistics(hypothesis: string, references: readonly string[]): Float64Array;
  /** The score for summed statistics, from 0 to 100; higher is better. */
  score(statistics: Float64Array): { readonly score: number };
}
