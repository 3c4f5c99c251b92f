import type { Metric } from './metric.js';

/** What n-grams are made of, such as characters, and the longest that count. */
export interface NgramUnit {
  readonly order: number;
  split(text: string): readonly string[];
}

/** A score of the n-grams that two texts share: many texts are compared with each other without counting any of them twice. */
export interface NgramScore extends Pick<Metric, 'score'> {
  readonly units: readonly NgramUnit[];
  /**
   * Statistics of a pair of texts, from its n-grams by order: those of the first unit, then those of the next. The result is
   * overwritten by the next call.
   *
   * @param hypothesis  n-grams of each order in the hypothesis, repetitions counted
   * @param reference   the same of the reference
   * @param matches     n-grams of each order that both have, each as often as the text that has it less often
   */
  statisticsOf(hypothesis: ArrayLike<number>, reference: ArrayLike<number>, matches: ArrayLike<number>): Float64Array;
}

/** A metric whose `statisticsOf` gives what its `statistics` gives for one reference. */
export interface NgramMetric extends Metric, NgramScore {}
