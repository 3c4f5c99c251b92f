import type { AlignedToken } from '../decoding/alignment.js';
import type { AttentionMap } from '../decoding/attention-map.js';
import type { AttentionView } from '../decoding/attention-views.js';
import type { DecadeError } from '../core/errors.js';
import type { GenerateOptions, GenerateStreamOptions, GenerationResult, Prompt } from '../decoding/generation/generator.js';
import type { LineScore, ScoreOptions } from '../decoding/score.js';
import type { SentenceVectorOptions, SentenceVectors } from '../decoding/sentence-vectors.js';
import type { ScoredText, TextScoreOptions, TextScores } from '../decoding/text-score.js';
import type { PredictedToken } from '../decoding/token-predictions.js';
import type { SourceLine } from '../decoding/source-line.js';
import type { TranslateOptions, Translation, TranslationResult } from '../decoding/translator.js';
import type { ModelUses } from '../loaded-model.js';
import { dividedOptions, type Engine, onlyItem } from './engine.js';
import type { LoadAnswer, Method } from './requests.js';

/** What a page is told of a model, and what computes it. */
interface Opened extends LoadAnswer {
  readonly engine: Engine;
  readonly threads: number;
}

/** The same methods, answered by another thread. */
type Elsewhere<Uses> = {
  readonly [Name in keyof Uses]: Uses[Name] extends (...given: infer Given) => infer Result
    ? (...given: Given) => [Result] extends [AsyncGenerator | Promise<unknown>] ? Result : Promise<Result>
    : Uses[Name];
};

/**
 * A trained model or an ensemble in its own worker, so the page stays responsive. Offers what a model under Node does, except for
 * `rescore`. Holds the worker and its memory until it is disposed of; later calls throw.
 */
export class BrowserModel implements Omit<Elsewhere<ModelUses>, 'rescore'> {
  /** Threads that compute, when there is enough for them to do. */
  readonly threads: number;
  /** What was asked for and is not so, each with the reason and the remedy: threads, or a cache that refuses more. */
  readonly warnings: readonly DecadeError[];
  /** Whether it translates or scores pairs; a language model does not. */
  readonly hasSource: boolean;
  /** Whether `sentenceVectors` is available. */
  readonly hasSentenceVectors: boolean;
  readonly #engine: Engine;

  /** See `load`. */
  constructor({ engine, threads, warnings, hasSource, hasSentenceVectors }: Opened) {
    this.#engine = engine;
    this.threads = threads;
    this.warnings = warnings;
    this.hasSource = hasSource;
    this.hasSentenceVectors = hasSentenceVectors;
  }

  /** A translation for every line, in order; `''` for an empty line. */
  translate(lines: readonly SourceLine[], options?: TranslateOptions): Promise<TranslationResult[]> {
    return this.#call('translate', lines, options);
  }

  /** Like `translate`, but yields each translation as soon as it is ready: lines may come from a network or a keyboard. */
  translateStream(
    lines: AsyncIterable<SourceLine> | Iterable<SourceLine>,
    options?: TranslateOptions,
  ): AsyncGenerator<TranslationResult, void, undefined> {
    return this.#streamOf('translateStream', lines, options);
  }

  /** What a language model writes after a prompt, piece by piece as it is written. Leaving the loop ends the writing. */
  generate(prompt: Prompt, options?: GenerateOptions): AsyncGenerator<string, void, undefined> {
    return this.#stream('generate', prompt, options);
  }

  /** What a language model writes after each prompt, `samples` times: in the order of the prompts, each as soon as it can be given. */
  generateStream(
    prompts: AsyncIterable<Prompt> | Iterable<Prompt>,
    options?: GenerateStreamOptions,
  ): AsyncGenerator<GenerationResult, void, undefined> {
    return this.#streamOf('generateStream', prompts, options);
  }

  /** The log-probability (natural logarithm) of each target, given its source. */
  score(pairs: readonly { readonly source: string; readonly target: string }[], options?: ScoreOptions): Promise<LineScore[]> {
    return this.#call('score', pairs, options);
  }

  /** How likely a language model finds texts, each a document. */
  async scoreText(texts: AsyncIterable<ScoredText> | Iterable<ScoredText>, options?: TextScoreOptions): Promise<TextScores> {
    return onlyItem(this.#streamOf<TextScores>('scoreText', texts, options));
  }

  /** The encoder's vector of each line. */
  sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors> {
    return this.#call('sentenceVectors', lines, options);
  }

  /**
   * Translates, with the attention of each target token to the source tokens. Undefined for an empty line and for a model without
   * attention.
   */
  attentionMaps(lines: readonly string[], options?: TranslateOptions): Promise<(AttentionMap | undefined)[]> {
    return this.#call('attentionMaps', lines, options);
  }

  /**
   * What the model looks at, by layer and head and for each kind of attention that it has: while it translates each line, or, of a
   * language model, while it writes each text. Empty for an empty line and for a model without attention.
   */
  attentionViews(lines: readonly string[], options?: TranslateOptions): Promise<AttentionView[][]> {
    return this.#call('attentionViews', lines, options);
  }

  /** The attention of a translation that was made with `attention`; undefined without, and for a model without attention. */
  attentionMap(line: string, { ids, attention }: Pick<Translation, 'ids' | 'attention'>): Promise<AttentionMap | undefined> {
    return this.#callOf('attentionMap', line, { ids, attention });
  }

  /** Which token of the line each token of its translation, made with `attention`, looked at most; undefined as for `attentionMap`. */
  alignment(line: string, { ids, attention, text }: Pick<Translation, 'ids' | 'attention' | 'text'>): Promise<AlignedToken[] | undefined> {
    return this.#callOf('alignment', line, { ids, attention, text });
  }

  /** The tokens of a prompt as a language model reads it, and the text that they stand for. */
  readPrompt(prompt: Prompt): Promise<{ readonly ids: readonly number[]; readonly text: string }> {
    return this.#call('readPrompt', prompt, undefined);
  }

  /** What each token of a language model adds to the text; a character of several tokens comes with the last of them. */
  pieces(ids: ArrayLike<number>): Promise<string[]> {
    return this.#call('pieces', ids, undefined);
  }

  /** What a language model predicts at the place of each of the tokens, given those before it: `top` likeliest ones besides. */
  predictions(
    ids: ArrayLike<number>,
    options?: { readonly top?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<(PredictedToken | undefined)[]> {
    return this.#call('predictions', ids, options);
  }

  /** Ends running calls with an error, and the worker, which gives the memory back. A second call does nothing. */
  dispose(): Promise<void> {
    return this.#engine.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #call<Result>(method: Method, input: unknown, given: object | undefined): Promise<Result> {
    const { request, control } = requestOf(method, given);
    return this.#engine.call({ ...request, input }, control);
  }

  #stream<Item>(method: Method, input: unknown, given: object | undefined): AsyncGenerator<Item, void, undefined> {
    const { request, control } = requestOf(method, given);
    return this.#engine.stream({ ...request, input }, control);
  }

  #streamOf<Item>(method: Method, input: unknown, given: object | undefined): AsyncGenerator<Item, void, undefined> {
    const { request, control } = requestOf(method, given);
    return this.#engine.streamOf(input, request, control);
  }

  #callOf<Result>(method: Method, input: unknown, of: object): Promise<Result> {
    return this.#engine.call({ ...requestOf(method, undefined).request, input, of });
  }
}

function requestOf(method: Method, given: object | undefined) {
  const { signal, told, ...sent } = dividedOptions(`${method} options`, given);
  return { request: { kind: 'call', method, ...sent }, control: { signal, listeners: told } };
}
