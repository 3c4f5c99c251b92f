import { turns } from '../../../core/event-loop.js';
import { randomKey, shuffle } from '../../../core/random.js';
import type { AccumulatedList } from './accumulated-lists.js';
import type { TuningOptions } from './options.js';
import { PseudoCorpus, totalStatistics } from './pseudo-corpus.js';
import { rowProduct } from './rows.js';
import type { TunedMetric } from './tuned-metric.js';

/** Weights, and the metric of what they choose from the lists. */
export interface ChosenWeights {
  readonly weights: Float64Array;
  readonly score: number;
}

/**
 * k-best batch MIRA (Cherry and Foster 2012, "Batch tuning strategies for statistical machine translation", algorithm 1). For one sentence
 * after another, the weights become such that the hope (the hypothesis that is best by score and metric together) precedes the fear
 * (best by score, worst by metric) by as much as it is better, or as far as the step allows:
 *
 *     loss  = metric(hope) - metric(fear) - w · (h(hope) - h(fear))
 *     w    += min(aggressiveness, loss / |h(hope) - h(fear)|²) (h(hope) - h(fear))    where loss > 0
 *
 * The mean of all weights on the way is taken at the end of each epoch, and that of the best epoch is the result.
 *
 * @param lists      of at least one hypothesis each
 * @param iteration  of tuning; each has orders of its own
 */
export async function mira(
  lists: readonly AccumulatedList[],
  start: Float64Array,
  metric: TunedMetric,
  { epochs, aggressiveness, decay, seed }: TuningOptions,
  iteration: number,
  signal?: AbortSignal,
): Promise<ChosenWeights> {
  const turn = turns();
  const weights = start.slice();
  const sum = new Float64Array(weights.length);
  const corpus = new PseudoCorpus(metric, lists, start, decay);
  const order = lists.slice();
  const scoreOf = (of: Float64Array) => metric.score(totalStatistics(lists, of)).score;
  let best: ChosenWeights = { weights: start, score: -Infinity };
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(order, randomKey(seed, 'shuffle', iteration, epoch));
    for (const list of order) {
      await turn();
      signal?.throwIfAborted();
      const { hope, fear, gain } = hopeAndFear(list, weights, corpus.worth());
      update(weights, list, hope, fear, gain, aggressiveness);
      corpus.add(list, hope);
      for (let column = 0; column < sum.length; column++) (sum[column] as number) += weights[column] as number;
    }
    const mean = sum.map((value) => value / ((epoch + 1) * lists.length));
    const score = scoreOf(mean);
    if (score > best.score) best = { weights: mean, score };
  }
  return best;
}

/** `gain`: by how much the hope is better than the fear. */
function hopeAndFear(list: AccumulatedList, weights: Float64Array, worth: Float64Array) {
  let [hope, fear] = [0, 0];
  let [mostHope, mostFear] = [-Infinity, -Infinity];
  for (let hypothesis = 0; hypothesis < list.count; hypothesis++) {
    const score = rowProduct(weights, list.features, hypothesis);
    const quality = rowProduct(worth, list.statistics, hypothesis);
    if (score + quality > mostHope) [hope, mostHope] = [hypothesis, score + quality];
    if (score - quality > mostFear) [fear, mostFear] = [hypothesis, score - quality];
  }
  return { hope, fear, gain: rowProduct(worth, list.statistics, hope) - rowProduct(worth, list.statistics, fear) };
}

function update(weights: Float64Array, list: AccumulatedList, hope: number, fear: number, gain: number, aggressiveness: number): void {
  const difference = weights.map((_, column) => feature(list, hope, column, weights) - feature(list, fear, column, weights));
  const loss = gain - rowProduct(weights, difference, 0);
  const square = rowProduct(difference, difference, 0);
  if (loss <= 0 || square === 0) return;
  const step = Math.min(aggressiveness, loss / square);
  for (let column = 0; column < weights.length; column++) (weights[column] as number) += step * (difference[column] as number);
}

function feature(list: AccumulatedList, hypothesis: number, column: number, { length }: Float64Array): number {
  return list.features[hypothesis * length + column] as number;
}
