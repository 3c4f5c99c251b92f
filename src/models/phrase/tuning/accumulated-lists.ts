import { rowProduct } from './rows.js';
import type { TunedMetric } from './tuned-metric.js';

/** A translation of a dev sentence, in the form that is scored. */
export interface TunedHypothesis {
  readonly text: string;
  /** One for each weight. */
  readonly features: ArrayLike<number>;
}

/** The n-best lists of one sentence that were made so far, as one: each text with the same features once. */
export class AccumulatedList {
  /** [count, weights] and [count, statistics of the metric], row after row. */
  features: Float32Array = new Float32Array(0);
  statistics: Float32Array = new Float32Array(0);
  count = 0;
  /** Of the first reference, in words. */
  readonly length: number;
  readonly #references: readonly string[];
  readonly #metric: TunedMetric;
  readonly #weights: number;
  /** By text: its hypotheses. */
  readonly #byText = new Map<string, number[]>();

  /** @param references  at least one */
  constructor(references: readonly string[], metric: TunedMetric, weights: number) {
    this.#references = references;
    this.#metric = metric;
    this.#weights = weights;
    this.length = (references[0] ?? '').split(/\s+/).length;
  }

  /** How many of them are new. */
  add(hypotheses: readonly TunedHypothesis[]): number {
    const before = this.count;
    for (const { text, features } of hypotheses) {
      const row = Float32Array.from(features);
      const known = this.#byText.get(text) ?? [];
      if (known.some((hypothesis) => this.#has(hypothesis, row))) continue;
      const [same] = known;
      const statistics = same === undefined ? this.#metric.statistics(text, this.#references) : this.#statisticsOf(same);
      this.features = withRow(this.features, this.count, row);
      this.statistics = withRow(this.statistics, this.count, statistics);
      this.#byText.set(text, [...known, this.count++]);
    }
    return this.count - before;
  }

  /** Statistics per hypothesis. */
  get statisticsSize(): number {
    return this.features.length === 0 ? 0 : (this.statistics.length * this.#weights) / this.features.length;
  }

  /** The hypothesis with the highest weighted sum of its features; of equal ones the first. */
  best(weights: Float64Array): number {
    let best = 0;
    let most = -Infinity;
    for (let hypothesis = 0; hypothesis < this.count; hypothesis++) {
      const score = rowProduct(weights, this.features, hypothesis);
      if (score > most) [best, most] = [hypothesis, score];
    }
    return best;
  }

  #has(hypothesis: number, features: Float32Array): boolean {
    return features.every((value, column) => value === this.features[hypothesis * this.#weights + column]);
  }

  #statisticsOf(hypothesis: number): Float32Array {
    const size = this.statisticsSize;
    return this.statistics.slice(hypothesis * size, (hypothesis + 1) * size);
  }
}

/** With twice the room where there is none left. */
function withRow(matrix: Float32Array, row: number, values: ArrayLike<number>): Float32Array {
  let grown = matrix;
  if ((row + 1) * values.length > matrix.length) {
    grown = new Float32Array(Math.max(16, 2 * row) * values.length);
    grown.set(matrix);
  }
  grown.set(values, row * values.length);
  return grown;
}
