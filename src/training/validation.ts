import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { planEpoch } from '../data/batches.js';
import type { Corpus } from '../data/corpus.js';
import { type CorpusSource, readPairs } from '../data/sources.js';
import { turns } from '../decoding/event-loop.js';
import { evaluate, metricNamed } from '../metrics/evaluate.js';
import type { ValidationFigures } from './events.js';
import type { Executor } from './executor.js';
import type { TrainingOptions, ValidateOptions, ValidationMetric } from './options.js';

/** Translates lines with the model as it is now. */
export type TranslateLines = (lines: readonly string[], options: { readonly beam: number }) => Promise<readonly string[]>;

/** The dev corpus, and how a model is judged on it. */
export class Validation {
  readonly #options: ValidateOptions;
  readonly #batching: Pick<TrainingOptions, 'batch'>;
  readonly #corpus: Corpus;
  readonly #text: { readonly sources: readonly string[]; readonly references: readonly string[] } | undefined;
  readonly #translate: TranslateLines | undefined;

  private constructor(
    options: ValidateOptions,
    batching: Pick<TrainingOptions, 'batch'>,
    corpus: Corpus,
    text: { sources: string[]; references: string[] } | undefined,
    translate: TranslateLines | undefined,
  ) {
    this.#options = options;
    this.#batching = batching;
    this.#corpus = corpus;
    this.#text = text;
    this.#translate = translate;
  }

  /** Reads the dev text when a metric needs translations. Throws `usage` when they are asked for and nothing translates. */
  static async open(request: {
    options: ValidateOptions;
    batching: Pick<TrainingOptions, 'batch'>;
    corpus: Corpus;
    files: Files;
    source: CorpusSource;
    translate: TranslateLines | undefined;
  }): Promise<Validation> {
    const { options, batching, corpus, files, source, translate } = request;
    const translated = options.metrics.filter((metric) => metric !== 'perplexity');
    if (translated.length > 0 && translate === undefined) {
      throw new DecadeError('usage', {
        where: 'training.validate.metrics',
        received: `${translated.join(', ')} without a way to translate`,
        allowed: 'perplexity alone, or a training context with `translate`',
      });
    }
    const text = translated.length === 0 ? undefined : await readText(files, source, options.sentences ?? Number.POSITIVE_INFINITY);
    return new Validation(options, batching, corpus, text, translate);
  }

  /** Perplexity a target token (`</s>` counted), and the other metrics of the translations. Throws the signal's reason. */
  async figures(executor: Executor, signal?: AbortSignal): Promise<ValidationFigures> {
    const figures: Record<string, number> & { perplexity: number } = { perplexity: await this.#perplexity(executor, signal) };
    if (this.#text !== undefined && this.#translate !== undefined) {
      const { sources, references } = this.#text;
      const translations = await this.#translate(sources, { beam: this.#options.beam });
      for (const name of this.#options.metrics) {
        if (name !== 'perplexity') figures[name] = evaluate(metricNamed(name), translations, [references]).score;
      }
    }
    return figures;
  }

  /** The figure that decides. */
  get decisive(): ValidationMetric {
    return this.#options.metrics[0] ?? 'perplexity';
  }

  /** Whether a value of the decisive metric is better than the best so far; what is no number never is. */
  isBetter(value: number | undefined, best: number | undefined): boolean {
    if (value === undefined || !Number.isFinite(value)) return false;
    if (best === undefined) return true;
    return this.decisive !== 'perplexity' && metricNamed(this.decisive).higherIsBetter ? value > best : value < best;
  }

  async #perplexity(executor: Executor, signal: AbortSignal | undefined): Promise<number> {
    const plan = planEpoch(this.#corpus.lengths, { size: this.#batching.batch, bucketing: 'length' }, 0, 0);
    let [negativeLogLikelihood, words] = [0, 0];
    const turn = turns();
    for (let batch = 0; batch < plan.batches; batch++) {
      await turn();
      signal?.throwIfAborted();
      const result = await executor.evaluate(await this.#corpus.read(plan.sentences(batch)));
      negativeLogLikelihood += result.negativeLogLikelihood;
      words += result.targetTokens;
    }
    return Math.exp(negativeLogLikelihood / words);
  }

  close(): Promise<void> {
    return this.#corpus.close();
  }
}

async function readText(files: Files, source: CorpusSource, limit: number): Promise<{ sources: string[]; references: string[] }> {
  const text = { sources: [] as string[], references: [] as string[] };
  for await (const pair of readPairs(files, source)) {
    if ('unusable' in pair) continue;
    text.sources.push(pair.source);
    text.references.push(pair.target);
    if (text.sources.length >= limit) break;
  }
  return text;
}
