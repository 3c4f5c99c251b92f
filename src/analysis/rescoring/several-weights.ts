import { turns } from '../../core/event-loop.js';
import { randomKey, uniform } from '../../core/random.js';
import type { Metric } from '../../metrics/metric.js';
import type { WorkControl } from '../work.js';

/** A hypothesis: what each feature says of it, and its statistics for the metric. */
export interface FeaturedHypothesis {
  readonly features: readonly number[];
  readonly statistics: Float64Array;
}

export interface WeightsFound {
  readonly weights: readonly number[];
  readonly score: number;
}

const mostRounds = 20;
const restarts = 4;

/**
 * Weights of a log-linear model for which the metric of the choices is highest (minimum error rate training, Och 2003): along each
 * weight in turn the metric is a step function, whose highest step is found exactly, until no weight gains. From the given weights and
 * from random ones, as the function has many tops. The absolute values of the weights add up to 1.
 */
export async function searchWeights(
  metric: Metric,
  sentences: readonly (readonly FeaturedHypothesis[])[],
  given: readonly number[],
  { signal }: Pick<WorkControl, 'signal'> = {},
): Promise<WeightsFound> {
  const lists = sentences.filter(({ length }) => length > 0).map(withOpinions);
  const key = randomKey(1, 'sample');
  const starts = [
    given,
    ...Array.from({ length: restarts }, (_, start) => given.map((_, index) => uniform(key, start * given.length + index))),
  ];
  const turn = turns();
  const pause = async () => {
    await turn();
    signal?.throwIfAborted();
  };
  const tops: WeightsFound[] = [];
  for (const start of starts) tops.push(await climb(metric, lists, start, pause));
  const best = tops.reduce((most, top) => (top.score > most.score ? top : most));
  const size = best.weights.reduce((sum, weight) => sum + Math.abs(weight), 0) || 1;
  return { weights: best.weights.map((weight) => weight / size), score: best.score };
}

/** The metric of the best hypothesis of each sentence. */
export function scoreWith(metric: Metric, sentences: readonly (readonly FeaturedHypothesis[])[], weights: readonly number[]): number {
  const chosen = sentences
    .filter(({ length }) => length > 0)
    .map((hypotheses) => {
      const scores = hypotheses.map(({ features }) => weighted(features, weights));
      return hypotheses[scores.indexOf(Math.max(...scores))] ?? (hypotheses[0] as FeaturedHypothesis);
    });
  return metric.score(sumOf(chosen.map(({ statistics }) => statistics))).score;
}

async function climb(
  metric: Metric,
  sentences: readonly (readonly FeaturedHypothesis[])[],
  start: readonly number[],
  pause: () => Promise<void>,
): Promise<WeightsFound> {
  let best: WeightsFound = { weights: start, score: scoreWith(metric, sentences, start) };
  for (let round = 0; round < mostRounds; round++) {
    const before = best.score;
    for (let coordinate = 0; coordinate < start.length; coordinate++) {
      const found = await bestAlong(metric, sentences, best.weights, coordinate, pause);
      if (found.score > best.score) best = found;
    }
    if (best.score - before < 1e-6) return best;
  }
  return best;
}

/** The best value of one weight, the others as they are: in the middle of the highest step. */
async function bestAlong(
  metric: Metric,
  sentences: readonly (readonly FeaturedHypothesis[])[],
  weights: readonly number[],
  coordinate: number,
  pause: () => Promise<void>,
): Promise<WeightsFound> {
  const others = weights.map((weight, index) => (index === coordinate ? 0 : weight));
  const changes: { readonly at: number; readonly change: Float64Array }[] = [];
  const firsts: Float64Array[] = [];
  for (const hypotheses of sentences) {
    await pause();
    const lines = hypotheses.map(({ features, statistics }) => {
      return { height: weighted(features, others), slope: features[coordinate] as number, statistics };
    });
    let before: Float64Array | undefined;
    for (const { at, statistics } of envelope(lines)) {
      const earlier = before;
      if (earlier === undefined) firsts.push(statistics);
      else changes.push({ at, change: statistics.map((value, index) => value - (earlier[index] as number)) });
      before = statistics;
    }
  }
  changes.sort((a, b) => a.at - b.at);
  const sum = sumOf(firsts);
  const [least, most] = [changes[0]?.at ?? 0, changes.at(-1)?.at ?? 0];
  let best = { score: metric.score(sum).score, weight: least - 1 };
  for (const [index, { at, change }] of changes.entries()) {
    for (let place = 0; place < sum.length; place++) sum[place] = (sum[place] as number) + (change[place] as number);
    const next = changes[index + 1]?.at ?? most + 2;
    if (next - at < 1e-9) continue;
    const { score } = metric.score(sum);
    if (score > best.score) best = { score, weight: (at + next) / 2 };
  }
  return { weights: weights.map((weight, index) => (index === coordinate ? best.weight : weight)), score: best.score };
}

interface Line {
  readonly height: number;
  readonly slope: number;
  readonly statistics: Float64Array;
}

/** The highest line from each place on, over all weights. */
function envelope(lines: readonly Line[]): { readonly at: number; readonly statistics: Float64Array }[] {
  let current = lines.reduce((best, line) =>
    line.slope < best.slope || (line.slope === best.slope && line.height > best.height) ? line : best,
  );
  const pieces = [{ at: Number.NEGATIVE_INFINITY, statistics: current.statistics }];
  for (;;) {
    let next: Line | undefined;
    let crossing = Number.POSITIVE_INFINITY;
    for (const line of lines) {
      if (line.slope <= current.slope) continue;
      const at = (current.height - line.height) / (line.slope - current.slope);
      if (at < crossing || (at === crossing && next !== undefined && line.slope > next.slope)) [crossing, next] = [at, line];
    }
    if (next === undefined) return pieces;
    pieces.push({ at: crossing, statistics: next.statistics });
    current = next;
  }
}

/** Without hypotheses that a feature rules out, unless it does all. */
function withOpinions(hypotheses: readonly FeaturedHypothesis[]): readonly FeaturedHypothesis[] {
  const possible = hypotheses.filter(({ features }) => features.every(Number.isFinite));
  if (possible.length > 0) return possible;
  return hypotheses.slice(0, 1).map(({ features, statistics }) => ({ features: features.map(() => 0), statistics }));
}

function weighted(features: readonly number[], weights: readonly number[]): number {
  return features.reduce((sum, value, index) => (weights[index] === 0 ? sum : sum + value * (weights[index] as number)), 0);
}

function sumOf(all: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(all[0]?.length ?? 0);
  for (const statistics of all)
    for (let place = 0; place < sum.length; place++) sum[place] = (sum[place] as number) + (statistics[place] as number);
  return sum;
}
