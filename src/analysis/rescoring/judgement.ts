import { bleu } from '../../metrics/bleu.js';
import type { Metric } from '../../metrics/metric.js';
import { type IntervalOptions, type PairedInterval, pairedIntervals } from '../examination/scored-sentences.js';
import { OracleSearch } from './oracle-search.js';
import { type RescoredSentence, ranked } from './rescoring.js';

/** BLEU of a list before and after rescoring and of the oracle; all but the first with their difference from the first. */
export interface RescoringScores {
  /** By the list's own scores. */
  readonly list: PairedInterval;
  /** By the model alone. */
  readonly model: PairedInterval;
  /** By both, with the even average. */
  readonly even: PairedInterval;
  /** By both, with the given or tuned weight. */
  readonly rescored: PairedInterval;
  readonly oracle: PairedInterval;
  /** By a selection among them, where one was asked for. */
  readonly selected?: PairedInterval | undefined;
  readonly signature: string;
}

/** Collects the statistics of rescored sentences from a stream. */
export class RescoringJudgement {
  readonly #metric: Metric = bleu();
  readonly #weights: readonly number[];
  /** Statistics of every sentence, for each weight. */
  readonly #statistics: Float64Array[][];
  readonly #selected: Float64Array[] = [];
  readonly #oracle = new OracleSearch();
  #references: number | 'var' | undefined;

  constructor(weight: number) {
    this.#weights = [0, 1, 0.5, weight];
    this.#statistics = this.#weights.map(() => []);
  }

  /** `selected` is the place of the selection's choice among the hypotheses as the weight ranks them; undefined without a selection. */
  add({ hypotheses, references }: RescoredSentence, selected?: number): void {
    this.#references = this.#references === undefined || this.#references === references.length ? references.length : 'var';
    this.#oracle.add(
      hypotheses.map(({ text }) => text),
      references,
    );
    this.#weights.forEach((weight, index) => {
      const [best] = ranked(hypotheses, weight);
      this.#statistics[index]?.push(this.#metric.statistics(best?.text ?? '', references));
    });
    if (selected === undefined) return;
    const choice = ranked(hypotheses, this.#weights.at(-1) ?? 0)[selected];
    this.#selected.push(this.#metric.statistics(choice?.text ?? '', references));
  }

  /** Undefined when nothing was added. */
  async scores(options: IntervalOptions = {}): Promise<RescoringScores | undefined> {
    const best = this.#oracle.best();
    if (best === undefined) return undefined;
    const all = [...this.#statistics, best, ...(this.#selected.length > 0 ? [this.#selected] : [])];
    const [list, model, even, rescored, oracle, selected] = (await pairedIntervals(this.#metric, all, options)) as [
      PairedInterval,
      PairedInterval,
      PairedInterval,
      PairedInterval,
      PairedInterval,
      PairedInterval?,
    ];
    return { list, model, even, rescored, oracle, ...(selected && { selected }), signature: this.#metric.signature(this.#references ?? 1) };
  }
}
