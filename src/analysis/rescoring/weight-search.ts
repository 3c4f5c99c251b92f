import type { Metric } from '../../metrics/metric.js';
import type { RescoredHypothesis } from './rescoring.js';

/** The weight that a corpus is translated best with. */
export interface TunedWeight {
  /** In the middle of the stretch of weights that do equally well. */
  readonly weight: number;
  readonly score: number;
  /** Where the stretch begins and ends. */
  readonly from: number;
  readonly to: number;
}

/**
 * The best weight in [0, 1] between two scores, exactly (Och 2003, "Minimum error rate training", section 4.1): a
 * hypothesis's combined score is a line over the weight, so a sentence's best hypothesis changes only where lines cross
 * in their upper envelope. Between the crossings of all sentences the corpus score is constant; each stretch is scored.
 *
 * Holds the crossings only, a few a sentence.
 */
export class WeightSearch {
  readonly #metric: Metric;
  /** Statistics of the corpus at weight 0, and what is added to them where a weight is passed. */
  #start: Float64Array | undefined;
  readonly #changes: { readonly at: number; readonly change: Float64Array }[] = [];

  constructor(metric: Metric) {
    this.#metric = metric;
  }

  add(hypotheses: readonly RescoredHypothesis[], references: readonly string[]): void {
    let before: Float64Array | undefined;
    for (const { from, hypothesis } of upperEnvelope(hypotheses)) {
      const statistics = this.#metric.statistics(hypothesis?.text ?? '', references);
      if (before === undefined) {
        this.#start ??= new Float64Array(statistics.length);
        addTo(this.#start, statistics);
      } else {
        const earlier = before;
        this.#changes.push({ at: from, change: statistics.map((value, index) => value - (earlier[index] as number)) });
      }
      before = statistics;
    }
  }

  /** Of stretches that do equally well the widest. Undefined when nothing was added. */
  best(): TunedWeight | undefined {
    if (this.#start === undefined) return undefined;
    const sum = this.#start.slice();
    const stretches = [{ from: 0, to: 1, score: this.#metric.score(sum).score }];
    const changes = this.#changes.toSorted((a, b) => a.at - b.at);
    changes.forEach(({ at, change }, index) => {
      addTo(sum, change);
      if (changes[index + 1]?.at === at) return;
      const { score } = this.#metric.score(sum);
      const last = stretches.at(-1);
      if (last === undefined || last.score === score) return;
      last.to = at;
      stretches.push({ from: at, to: 1, score });
    });
    const [best] = stretches.sort((a, b) => b.score - a.score || b.to - b.from - (a.to - a.from));
    return best === undefined ? undefined : { ...best, weight: (best.from + best.to) / 2 };
  }
}

/** The hypothesis that is best from each weight on, from 0 to 1. One of no hypothesis for a sentence that has none. */
function upperEnvelope(hypotheses: readonly RescoredHypothesis[]): { from: number; hypothesis: RescoredHypothesis | undefined }[] {
  const opinions = hypotheses.filter(({ model }) => Number.isFinite(model));
  const candidates = opinions.length === 0 ? hypotheses.map((hypothesis) => ({ ...hypothesis, model: hypothesis.own })) : opinions;
  const slope = ({ own, model }: RescoredHypothesis) => model - own;
  let current: RescoredHypothesis | undefined;
  for (const candidate of candidates) {
    if (current === undefined || candidate.own > current.own || (candidate.own === current.own && slope(candidate) > slope(current)))
      current = candidate;
  }
  const envelope = [{ from: 0, hypothesis: current }];
  for (let next = current; next !== undefined; ) {
    const line = next;
    next = undefined;
    let crossing = 1;
    for (const candidate of candidates) {
      if (slope(candidate) <= slope(line)) continue;
      const at = (line.own - candidate.own) / (slope(candidate) - slope(line));
      if (at < crossing || (at === crossing && next !== undefined && slope(candidate) > slope(next))) {
        crossing = at;
        next = candidate;
      }
    }
    if (next !== undefined) envelope.push({ from: crossing, hypothesis: next });
  }
  return envelope;
}

function addTo(sum: Float64Array, added: Float64Array): void {
  for (let index = 0; index < sum.length; index++) (sum[index] as number) += added[index] as number;
}
