import { DecadeError } from '../../../core/errors.js';
import { turns } from '../../../core/event-loop.js';
import { resolveOptions } from '../../../core/options.js';
import { AccumulatedList, type TunedHypothesis } from './accumulated-lists.js';
import { mira } from './mira.js';
import { type TuningOptionsInput, tuningOptions } from './options.js';
import type { TunedMetric } from './tuned-metric.js';

/** What is tuned: any search whose hypotheses are scored by a weighted sum of features. */
export interface Tuning {
  readonly weights: Float64Array;
  /** Translates the dev set: for each sentence, in its order, hypotheses, the best first. */
  decode(weights: Float64Array): Promise<readonly (readonly TunedHypothesis[])[]>;
  /** Of each sentence, at least one. */
  readonly references: readonly (readonly string[])[];
  readonly metric: TunedMetric;
  readonly onIteration?: ((iteration: TuningIteration) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One translation of the dev set. */
export interface TuningIteration {
  /** From 1 on. */
  readonly iteration: number;
  readonly weights: Float64Array;
  /** The metric of the best hypotheses. */
  readonly score: number;
  /** Hypotheses that no iteration before has had. */
  readonly added: number;
}

/** `best`: the iteration whose translations were best; of equal ones the first. */
export interface TuningResult {
  readonly best: TuningIteration;
  readonly iterations: readonly TuningIteration[];
}

/**
 * Finds weights with which the dev set is translated well: translates it, finds better weights for all hypotheses so far, and begins
 * again with these. Ends after so many iterations, when the weights hardly change, or when no hypothesis is new.
 *
 * @throws DecadeError `usage` for an option that is not allowed, `input` for a dev set without sentences
 */
export async function tuneWeights(tuning: Tuning, given: TuningOptionsInput = {}): Promise<TuningResult> {
  const options = resolveOptions(tuningOptions, given, 'tuning options');
  const { references, metric, decode, onIteration, signal } = tuning;
  if (references.length === 0) {
    throw new DecadeError('input', { where: 'dev set', received: 'no sentences', allowed: 'some hundred', next: 'give data.dev' });
  }
  const lists = references.map((each) => new AccumulatedList(each, metric, tuning.weights.length));
  const iterations: TuningIteration[] = [];
  const turn = turns();
  let weights = tuning.weights;
  for (let iteration = 1; ; iteration++) {
    signal?.throwIfAborted();
    const decoded = await decode(weights);
    let added = 0;
    const chosen: Float64Array[] = [];
    for (const [sentence, list] of lists.entries()) {
      await turn();
      signal?.throwIfAborted();
      const hypotheses = decoded[sentence] ?? [];
      added += list.add(hypotheses);
      chosen.push(metric.statistics(hypotheses[0]?.text ?? '', references[sentence] ?? ['']));
    }
    const done = { iteration, weights, score: scoreOf(chosen, metric), added };
    iterations.push(done);
    onIteration?.(done);
    if (iteration === options.iterations || added === 0) break;
    const translated = lists.filter(({ count }) => count > 0);
    const { weights: next } = await mira(translated, weights, metric, options, iteration, signal);
    const change = distance(next, weights) / distance(weights);
    weights = next;
    if (change < options.leastChange) break;
  }
  return { best: iterations.reduce((best, each) => (each.score > best.score ? each : best)), iterations };
}

function scoreOf(statistics: readonly Float64Array[], metric: TunedMetric): number {
  const sum = new Float64Array(statistics[0]?.length ?? 0);
  for (const each of statistics) for (const [column, value] of each.entries()) (sum[column] as number) += value;
  return metric.score(sum).score;
}

/** Of two vectors, or the length of one. */
function distance(a: Float64Array, b?: Float64Array): number {
  return Math.hypot(...a.map((value, index) => value - (b?.[index] ?? 0)));
}
