import { bleu } from '../../metrics/bleu.js';
import type { Metric } from '../../metrics/metric.js';
import { OracleSearch } from './oracle-search.js';
import { type RescoredSentence, ranked } from './rescoring.js';

/** BLEU of a list before and after, and of the best choice from it. */
export interface RescoringScores {
  /** By the list's own scores. */
  readonly list: number;
  /** By the model alone. */
  readonly model: number;
  /** By both, evenly averaged. */
  readonly even: number;
  /** By both, with the weight that was asked for. */
  readonly rescored: number;
  readonly oracle: number;
  readonly signature: string;
}

/** Judges rescored sentences as they go by. */
export class RescoringJudgement {
  readonly #metric: Metric = bleu();
  readonly #weights: readonly number[];
  readonly #sums: Float64Array[];
  readonly #oracle = new OracleSearch();
  #references: number | 'var' | undefined;

  constructor(weight: number) {
    this.#weights = [0, 1, 0.5, weight];
    this.#sums = this.#weights.map(() => new Float64Array(0));
  }

  add({ hypotheses, references }: RescoredSentence): void {
    this.#references = this.#references === undefined || this.#references === references.length ? references.length : 'var';
    this.#oracle.add(
      hypotheses.map(({ text }) => text),
      references,
    );
    this.#weights.forEach((weight, index) => {
      const [best] = ranked(hypotheses, weight);
      const statistics = this.#metric.statistics(best?.text ?? '', references);
      const before = this.#sums[index];
      this.#sums[index] = statistics.map((value, at) => value + (before?.[at] ?? 0));
    });
  }

  /** Undefined when nothing was added. */
  scores(): RescoringScores | undefined {
    const oracle = this.#oracle.best();
    if (oracle === undefined) return undefined;
    const [list, model, even, rescored] = this.#sums.map((sum) => this.#metric.score(sum).score) as [number, number, number, number];
    return { list, model, even, rescored, oracle, signature: this.#metric.signature(this.#references ?? 1) };
  }
}
