import type { Tokenizers } from '../checkpoint/model-files.js';
import type { Files } from '../core/files.js';
import { planEpoch } from '../data/batches.js';
import type { Corpus } from '../data/corpus.js';
import { type CorpusSource, describeSource, readPairs } from '../data/sources.js';
import { turns } from '../core/event-loop.js';
import type { DecodingExecutor } from '../decoding/executor.js';
import { ContextScorer, textFigures } from '../decoding/text-score.js';
import { Translator } from '../decoding/translator.js';
import { whyIncomparable } from '../decoding/unknown-share.js';
import { evaluate, metricNamed } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import type { ValidationFigures } from './events.js';
import type { Executor } from './executor.js';
import type { TrainingOptions, ValidateOptions, ValidationMetric } from './options.js';

/** Contexts of a dev text that are read at once. */
const contextsRead = 256;

/** The dev corpus, and how a model is judged on it. */
export class Validation {
  readonly #options: ValidateOptions;
  readonly #batching: Pick<TrainingOptions, 'batch'>;
  readonly #corpus: Corpus;
  readonly #text: { readonly sources: readonly string[]; readonly references: readonly string[] } | undefined;
  readonly #tokenizers: Tokenizers;
  readonly #warn: (reason: string) => void;
  /** The text stays the same, so that once is enough. */
  #hasWarned = false;

  private constructor(
    options: ValidateOptions,
    batching: Pick<TrainingOptions, 'batch'>,
    corpus: Corpus,
    text: { sources: string[]; references: string[] } | undefined,
    tokenizers: Tokenizers,
    warn: (reason: string) => void,
  ) {
    this.#options = options;
    this.#batching = batching;
    this.#corpus = corpus;
    this.#text = text;
    this.#tokenizers = tokenizers;
    this.#warn = warn;
  }

  /** Reads the dev text if a metric needs translations. */
  static async open(request: {
    options: ValidateOptions;
    batching: Pick<TrainingOptions, 'batch'>;
    corpus: Corpus;
    files: Files;
    source: CorpusSource;
    tokenizers: Tokenizers;
    warn: (message: string) => void;
  }): Promise<Validation> {
    const { options, batching, corpus, files, source, tokenizers, warn } = request;
    const translated = options.metrics.filter((metric) => metric !== 'perplexity');
    const text = translated.length === 0 ? undefined : await readText(files, source, options.sentences ?? Number.POSITIVE_INFINITY);
    return new Validation(options, batching, corpus, text, tokenizers, (reason) => warn(`${describeSource(source)}: ${reason}`));
  }

  /**
   * Perplexity a target token (`</s>` counted), and the other metrics of the translations; of text the perplexity, also a word, and
   * bits a byte. Throws the signal's reason.
   */
  async figures(executor: Executor, signal?: AbortSignal): Promise<ValidationFigures> {
    if (this.#corpus.text !== undefined) {
      const decoding = await executor.decoding();
      try {
        return await this.figuresOfText(decoding, signal);
      } finally {
        await decoding.dispose();
      }
    }
    const figures: ValidationFigures = { perplexity: await this.#perplexity(executor, signal) };
    if (this.#text === undefined) return figures;
    // On all devices, which have the model already.
    const decoding = await executor.decoding();
    try {
      return { ...figures, ...(await this.figuresOfTranslations(decoding, signal)) };
    } finally {
      await decoding.dispose();
    }
  }

  /** All but the perplexity, of the translations of the dev text. `model`: as for `translator`. */
  async figuresOfTranslations(decoding: DecodingExecutor, signal: AbortSignal | undefined, model?: Model): Promise<ValidationFigures> {
    const { sources, references } = this.translatedText;
    const translations = (await this.translator(decoding, model).translate(sources, signal && { signal })).map(({ text }) => text);
    const metrics = this.#options.metrics.filter((name) => name !== 'perplexity');
    return Object.fromEntries(metrics.map((name) => [name, evaluate(metricNamed(name), translations, [references]).score]));
  }

  /** The dev text, where a metric needs translations of it. */
  get translatedText(): { readonly sources: readonly string[]; readonly references: readonly string[] } {
    if (this.#text === undefined) throw new Error('no metric that translates');
    return this.#text;
  }

  /** What translates the dev text. `model`: one with a search of its own, if it has. */
  translator(decoding: DecodingExecutor, model?: Model): Translator {
    const { source: sourceTokenizer, target: targetTokenizer } = this.#tokenizers;
    if (sourceTokenizer === undefined) throw new Error('a language model does not translate');
    return new Translator({ sourceTokenizer, targetTokenizer, model }, decoding, { beam: this.#options.beam });
  }

  /** The metric that selects the best model. */
  get decisive(): ValidationMetric {
    return this.#options.metrics[0] ?? 'perplexity';
  }

  /** Whether a value of the deciding metric is better than the best so far; NaN never is. */
  isBetter(value: number | undefined, best: number | undefined): boolean {
    if (value === undefined || !Number.isFinite(value)) return false;
    if (best === undefined) return true;
    return this.decisive !== 'perplexity' && metricNamed(this.decisive).higherIsBetter ? value > best : value < best;
  }

  async #perplexity(executor: Executor, signal: AbortSignal | undefined): Promise<number> {
    const plan = planEpoch(this.#corpus.lengths, { size: this.#batching.batch, bucketing: 'length' }, 0, 0);
    let [negativeLogLikelihood, tokens] = [0, 0];
    const turn = turns();
    for (let batch = 0; batch < plan.batches; batch++) {
      await turn();
      signal?.throwIfAborted();
      const result = await executor.evaluate(await this.#corpus.read(plan.sentences(batch)));
      negativeLogLikelihood += result.negativeLogLikelihood;
      tokens += result.targetTokens;
    }
    return Math.exp(negativeLogLikelihood / tokens);
  }

  /** Of a dev text: the whole of it, in contexts that slide over it. Throws the signal's reason. */
  async figuresOfText(decoding: DecodingExecutor, signal: AbortSignal | undefined): Promise<ValidationFigures> {
    const { text } = this.#corpus;
    if (text === undefined) throw new Error('pairs are no text');
    const scorer = new ContextScorer(decoding, signal);
    const lacking = this.#tokenizers.target.special.unknown;
    let unknown = 0;
    const turn = turns();
    for (let first = 0; first < this.#corpus.pairs; first += contextsRead) {
      await turn();
      signal?.throwIfAborted();
      const numbers = Array.from({ length: Math.min(contextsRead, this.#corpus.pairs - first) }, (_, index) => first + index);
      for (const context of await this.#corpus.read(numbers)) {
        for (const id of Array.from(context.target)) if (id === lacking) unknown++;
        await scorer.add(context);
      }
    }
    await scorer.flush();
    const reason = whyIncomparable({ unknown, tokens: scorer.tokens });
    if (reason !== undefined && !this.#hasWarned) this.#warn(reason);
    this.#hasWarned = true;
    const logProbability = scorer.logProbabilities.reduce((sum, value) => sum + value, 0);
    return { ...textFigures(logProbability, scorer.tokens, text) };
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
