import { drawSentences, standardResamples, standardSeed } from '../../metrics/bootstrap.js';
import type { Metric } from '../../metrics/metric.js';
import type { IntervalOptions } from '../examination/scored-sentences.js';
import { forEach } from '../work.js';
import type { RescoredHypothesis } from './rescoring.js';
import { upperEnvelope } from './upper-envelope.js';

/** A weight that was tuned on a list with references, and its uncertainty. */
export interface TunedWeight {
  /** In the middle of `low` and `high`. */
  readonly weight: number;
  /** BLEU of the list with it. */
  readonly score: number;
  /** The range of weights that are not significantly worse than the best on the list, at a confidence of 95 %. */
  readonly low: number;
  readonly high: number;
  /** The weight with the highest BLEU on the list, which may be chance. */
  readonly best: { readonly weight: number; readonly score: number };
}

/** Weights between which no choice changes, and the one that stands for them. */
interface WeightInterval {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

/** The most intervals to compare; of more, an even selection is taken. A narrower optimum is chance. */
const mostStretches = 200;
const confidence = 0.95;

/**
 * Finds a weight in [0, 1] between two scores with which a corpus is translated well.
 *
 * Over the weight, the corpus score is a curve of many small steps (Och 2003, section 4.1), and its highest step is the best for
 * these sentences, not for others. So the search finds the weights that are not significantly worse than the best. A weight is
 * excluded if the best exceeds it on the whole list by as much as happens by chance on fewer than 5 % of resampled lists, where the
 * best may differ for each (multiple comparisons with the best, Hsu 1984; by the bootstrap). The result is the middle of the
 * remaining weights: of all of [0, 1] if the list is uninformative, which is the even average.
 *
 * Holds the changes of choice only, a few per sentence.
 */
export class WeightSearch {
  readonly #metric: Metric;
  /** Statistics of each sentence at weight 0, and what is added to them where a weight is passed. */
  readonly #start: Float64Array[] = [];
  readonly #changes: { readonly at: number; readonly sentence: number; readonly change: Float64Array }[] = [];

  constructor(metric: Metric) {
    this.#metric = metric;
  }

  add(hypotheses: readonly RescoredHypothesis[], references: readonly string[]): void {
    const sentence = this.#start.length;
    let before: Float64Array | undefined;
    for (const { from, hypothesis } of upperEnvelope(hypotheses)) {
      const statistics = this.#metric.statistics(hypothesis?.text ?? '', references);
      const earlier = before;
      if (earlier === undefined) this.#start.push(statistics);
      else this.#changes.push({ at: from, sentence, change: statistics.map((value, index) => value - (earlier[index] as number)) });
      before = statistics;
    }
  }

  /** Undefined when nothing was added. */
  async best({ resamples = standardResamples, seed = standardSeed, ...control }: IntervalOptions = {}): Promise<TunedWeight | undefined> {
    if (this.#start.length === 0) return undefined;
    const stretches = this.#stretches();
    const scoresOf = this.#scorer(stretches);
    const counts = new Float64Array(this.#start.length).fill(1);
    const scores = scoresOf(counts);
    const top = scores.indexOf(Math.max(...scores));
    // How far the best of each draw lies above each stretch, beyond what it does on the whole list.
    const exceeded = stretches.map(() => new Float64Array(resamples));
    const drawn = new Int32Array(this.#start.length);
    await forEach('resampling for the weight', resamples, control, (resample) => {
      drawSentences(drawn, seed, resample);
      counts.fill(0);
      for (const sentence of drawn) (counts[sentence] as number)++;
      const errors = scoresOf(counts).map((score, index) => score - (scores[index] as number));
      const most = Math.max(...errors);
      for (const [index, error] of errors.entries()) (exceeded[index] as Float64Array)[resample] = most - error;
    });
    const behind = (index: number) => (scores[top] as number) - (scores[index] as number);
    const alike = [...stretches.keys()].filter((index) => behind(index) <= quantile(exceeded[index] as Float64Array, confidence));
    const stretch = (index: number | undefined) => stretches[index ?? top] as WeightInterval;
    const [low, high] = [stretch(alike[0]).from, stretch(alike.at(-1)).to];
    const off = (index: number) => Math.abs(stretch(index).weight - (low + high) / 2);
    const chosen = alike.reduce((nearest, index) => (off(index) < off(nearest) ? index : nearest), top);
    return {
      weight: stretch(chosen).weight,
      score: scores[chosen] as number,
      low,
      high,
      best: { weight: stretch(top).weight, score: scores[top] as number },
    };
  }

  /** That of the even average is among them. */
  #stretches(): WeightInterval[] {
    const ends = [...new Set([0, ...this.#changes.map(({ at }) => at), 1])].sort((a, b) => a - b);
    const all = ends.slice(1).map((to, index) => {
      const from = ends[index] as number;
      const isEven = from <= 0.5 && 0.5 < to;
      return { from, to, isEven, weight: isEven ? 0.5 : (from + to) / 2 };
    });
    const apart = Math.max(1, (all.length - 1) / (mostStretches - 1));
    const taken = new Set(Array.from({ length: mostStretches }, (_, place) => Math.round(place * apart)));
    return all.filter(({ isEven }, index) => isEven || taken.has(index));
  }

  /** The score at each stretch of a corpus in which each sentence occurs so many times. */
  #scorer(stretches: readonly WeightInterval[]): (counts: Float64Array) => Float64Array {
    const first = ({ at }: { at: number }) => {
      let [low, high] = [0, stretches.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((stretches[middle] as WeightInterval).from >= at) high = middle;
        else low = middle + 1;
      }
      return low;
    };
    const places = this.#changes.map(first);
    const size = this.#start[0]?.length ?? 0;
    return (counts) => {
      const sums = Array.from({ length: stretches.length + 1 }, () => new Float64Array(size));
      for (const [sentence, statistics] of this.#start.entries()) addTo(sums[0] as Float64Array, statistics, counts[sentence] as number);
      for (const [index, { sentence, change }] of this.#changes.entries()) {
        addTo(sums[places[index] as number] as Float64Array, change, counts[sentence] as number);
      }
      return Float64Array.from(stretches, (_, index) => {
        if (index > 0) addTo(sums[index] as Float64Array, sums[index - 1] as Float64Array, 1);
        return this.#metric.score(sums[index] as Float64Array).score;
      });
    };
  }
}

function quantile(values: Float64Array, share: number): number {
  const sorted = values.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

function addTo(sum: Float64Array, added: Float64Array, times: number): void {
  for (let index = 0; index < sum.length; index++) (sum[index] as number) += times * (added[index] as number);
}
