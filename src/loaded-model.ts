import type { RescoreOptions, Rescoring, rescore } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import type { TrainedModel } from './compression/trained-model.js';
import { requireOptions } from './core/call-options.js';
import { DecadeError } from './core/errors.js';
import { iterated } from './core/iterated.js';
import { Lifetime } from './core/lifetime.js';
import { type AlignedToken, tokenAlignment } from './decoding/alignment.js';
import { type AttentionMap, attentionMap } from './decoding/attention-map.js';
import { type AttentionView, attentionViews } from './decoding/attention-views.js';
import type { compressingModel } from './decoding/compressing-model.js';
import { type EnsembleMember, ensembleModel } from './decoding/ensemble.js';
import type { DecodingExecutor } from './decoding/executor.js';
import type { GenerateOptions, GenerateStreamOptions, GenerationResult, Prompt, TextGenerator } from './decoding/generation/generator.js';
import type { LocalDecodingExecutor, PlacedModel } from './decoding/local-executor.js';
import type { DecodingDefaults, DecodingOptionsInput } from './decoding/options.js';
import { type LineScore, type ScoreOptions, scoreLines } from './decoding/score.js';
import { type SentenceVectorOptions, type SentenceVectors, sentenceVectors } from './decoding/sentence-vectors.js';
import { requireContext, scoreDocuments, type ScoredText, type TextScoreOptions, type TextScores } from './decoding/text-score.js';
import type { PredictedToken } from './decoding/token-predictions.js';
import type { translationSelection } from './decoding/selection/options.js';
import type { TranslationModel } from './decoding/translation-model.js';
import type { SourceLine } from './decoding/source-line.js';
import type { TranslateOptions, Translation, TranslationResult, Translator, TranslatorOptions } from './decoding/translator.js';
import type { ModelOptions } from './models/create.js';
import type { Model } from './models/model.js';
import type { decodersOfRanks } from './parallel/ranks/decoders.js';
import type { Tokenizer } from './text/tokenizer.js';

export interface LoadOptions extends DecodingOptionsInput {
  /**
   * Worker threads, which share one copy of the parameters. They start when there is enough work for them; until then, and for
   * single lines, this thread computes. Default: one per core.
   */
  readonly devices?: number | undefined;
  /**
   * A matrix library by name: `webassembly`, `avx512`, `avx2`, `openblas`, `mkl`, `accelerate`, `onednn`; `exact` gives the same bits on
   * every machine. Default: the fastest here.
   */
  readonly gemm?: string | undefined;
  /**
   * The networks as their configurations initialise them, before any update: the control for the effect of training. The initial
   * parameters of `train --init` are not restored. Default: false.
   */
  readonly untrained?: boolean | undefined;
}

/** The devices and the matrix library. */
export type ComputeOptions = Pick<LoadOptions, 'gemm' | 'devices'>;

/** What pages go without: they have no room for its code. */
export interface NodeUses {
  readonly rescore?: typeof rescore;
  readonly compressing?: typeof compressingModel;
  readonly translationSelection?: typeof translationSelection;
  readonly decodersOfRanks?: typeof decodersOfRanks;
}

/** What a `LoadedModel` holds, and how it is given back when nobody computes with it any more. */
export interface Loaded {
  readonly members: readonly Member[];
  readonly executor: DecodingExecutor;
  /** This thread's device. */
  readonly local: Pick<LocalDecodingExecutor, 'with'>;
  /** Undefined for language models, which have no source to translate. */
  readonly translator: Translator | undefined;
  /** Undefined for translators. */
  readonly generator: TextGenerator | undefined;
  readonly nodeUses?: NodeUses | undefined;
  release(): Promise<void>;
}

/** A trained model, or several that translate or write together. Holds memory until disposed; every call after that is refused. */
export class LoadedModel implements AsyncDisposable {
  readonly #loaded: Loaded;
  readonly #lifetime = new Lifetime(
    () =>
      new DecadeError('usage', {
        where: 'model',
        received: 'a call after dispose',
        allowed: 'no calls after dispose',
        next: 'load the model again',
      }),
  );
  #released: Promise<void> | undefined;

  /** See `openModels`. */
  constructor(loaded: Loaded) {
    this.#loaded = loaded;
  }

  /** A translation for every line, in order; `''` for an empty line. */
  translate(lines: readonly SourceLine[], options?: TranslateOptions): Promise<TranslationResult[]> {
    return this.#run('translate', options, async (signal) => this.#translator.translate(lines, this.#selecting({ ...options, signal })));
  }

  /** Like `translate`, but yields each translation as soon as it is ready: lines may come from a file, a socket or a keyboard. */
  translateStream(
    lines: AsyncIterable<SourceLine> | Iterable<SourceLine>,
    options?: TranslateOptions,
  ): AsyncGenerator<TranslationResult, void, undefined> {
    requireOptions('translateStream options', options);
    const translator = this.#translator;
    const selecting = this.#selecting({ ...options });
    return this.#lifetime.stream((signal) => translator.translateStream(lines, { ...selecting, signal }), options?.signal);
  }

  /**
   * What a language model writes after a prompt, piece by piece as it is written; the prompt is not repeated. Pieces are whole
   * characters. Nothing is written ahead of who reads, and leaving the loop ends the writing.
   *
   * @example
   * for await (const piece of model.generate('Once upon a time', { temperature: 0.8, seed: 1 })) process.stdout.write(piece);
   *
   * @throws DecadeError `usage` for options that are not allowed, and for a translator
   */
  generate(prompt: Prompt, options?: GenerateOptions): AsyncGenerator<string, void, undefined> {
    return iterated((give) =>
      this.#run('generate', options, async (signal) => this.#generator.write(prompt, { ...options, signal }, give)),
    );
  }

  /**
   * What a language model writes after each prompt, `samples` times: in the order of the prompts, each as soon as it can be given. The
   * first sample of the first prompt is what `generate` gives for it.
   */
  generateStream(
    prompts: AsyncIterable<Prompt> | Iterable<Prompt>,
    options?: GenerateStreamOptions,
  ): AsyncGenerator<GenerationResult, void, undefined> {
    requireOptions('generateStream options', options);
    const generator = this.#generator;
    return this.#lifetime.stream((signal) => generator.continueAll(prompts, { ...options, signal }), options?.signal);
  }

  /**
   * The log-probability (natural logarithm) of each target, given its source. Several models average their probabilities at
   * every token.
   */
  score(pairs: readonly { readonly source: string; readonly target: string }[], options?: ScoreOptions): Promise<LineScore[]> {
    const { members, executor } = this.#loaded;
    return this.#run('score', options, async (signal) => {
      const together = { ...this.#first, model: ensembleModel(members.map(({ model }) => model)) };
      return scoreLines(together, executor, pairs, { ...options, signal });
    });
  }

  /**
   * How likely a language model finds texts: each a document, whose tokens are predicted with at least half a context before them.
   *
   * @throws DecadeError `usage` for a translator, which scores pairs
   */
  scoreText(texts: AsyncIterable<ScoredText> | Iterable<ScoredText>, options?: TextScoreOptions): Promise<TextScores> {
    const { members, executor } = this.#loaded;
    return this.#run('scoreText', options, async (signal) => {
      const contexts = this.#contexts;
      const [first] = members;
      if (first === undefined || contexts.length === 0) {
        throw new DecadeError('usage', {
          where: first?.name ?? 'model',
          received: 'text for a translator',
          allowed: 'a language model, trained on data.train.text',
          next: 'score pairs of source and target',
        });
      }
      const room = Math.min(...members.map(({ model }) => model.lengthLimits?.target(0) ?? Infinity));
      const context = options?.context ?? Math.min(...contexts, room);
      requireContext(context, room);
      return scoreDocuments(first.targetTokenizer, executor, texts, { ...options, context, signal });
    });
  }

  /**
   * Reranks the n-best lists of any system by their own scores and the model's log-probabilities; several models average their
   * probabilities.
   *
   * @throws DecadeError `usage` for options that are not allowed, `input` for a list or references of another source text
   */
  rescore(list: NbestList, options?: RescoreOptions): Promise<Rescoring> {
    const { rescore } = this.#loaded.nodeUses ?? {};
    if (rescore === undefined) throw new Error('opened without what rescores');
    return this.#run('rescore', options, (signal) => rescore(list, (pairs, control) => this.score(pairs, control), { ...options, signal }));
  }

  /** Whether `sentenceVectors` is available. */
  get hasSentenceVectors(): boolean {
    const [only, ...others] = this.#loaded.members;
    return only?.model.sentenceEncoder !== undefined && others.length === 0;
  }

  /**
   * The encoder's vector of each line.
   *
   * @throws DecadeError `usage` for several models, and for an architecture without sentence vectors
   */
  sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors> {
    const { members } = this.#loaded;
    return this.#run('sentenceVectors', options, async (signal) => {
      const [only, ...others] = members;
      if (only === undefined || others.length > 0) {
        throw new DecadeError('usage', { where: 'sentenceVectors', received: `${members.length} models`, allowed: 'one' });
      }
      return sentenceVectors(this.#first, only.device, lines, { ...options, signal });
    });
  }

  /**
   * Translates, with the attention of each target token to the source tokens. Undefined for an empty line and for a model
   * without attention.
   */
  async attentionMaps(lines: readonly string[], options: TranslateOptions = {}): Promise<(AttentionMap | undefined)[]> {
    requireOptions('attentionMaps options', options);
    const results = await this.translate(lines, { ...options, attention: true });
    return results.map((result, line) => this.attentionMap(lines[line] as string, result));
  }

  /**
   * What the model looks at, by layer and head and for each kind of attention that it has: while it translates each line, or, of a
   * language model, while it writes each text. Empty for an empty line and for a model without attention.
   *
   * @throws DecadeError `usage` for several models
   */
  async attentionViews(lines: readonly string[], options: TranslateOptions = {}): Promise<AttentionView[][]> {
    requireOptions('attentionViews options', options);
    const [only, ...others] = this.#loaded.members;
    if (only === undefined || others.length > 0) {
      throw new DecadeError('usage', { where: 'attentionViews', received: `${others.length + 1} models`, allowed: 'one' });
    }
    const written = only.sourceTokenizer === undefined ? undefined : await this.translate(lines, options);
    return this.#run('attentionViews', options, (signal) => attentionViews(only, only.device, lines, written, { ...options, signal }));
  }

  /** The attention of a translation that was made with `attention`; undefined without, and for a model without attention. */
  attentionMap(line: string, translation: Pick<Translation, 'ids' | 'attention'>): AttentionMap | undefined {
    return attentionMap(this.#first, line, translation);
  }

  /** Which token of the line each token of its translation, made with `attention`, looked at most; undefined as for `attentionMap`. */
  alignment(line: string, translation: Pick<Translation, 'ids' | 'attention' | 'text'>): AlignedToken[] | undefined {
    return tokenAlignment(this.#first, line, translation);
  }

  /** Whether it translates or scores pairs; a language model does not. */
  get hasSource(): boolean {
    return this.#loaded.translator !== undefined;
  }

  /**
   * The tokens of a prompt as a language model reads it, and the text that they stand for.
   *
   * @throws DecadeError `usage` for a token that no text has
   */
  readPrompt(prompt: Prompt): { readonly ids: readonly number[]; readonly text: string } {
    return this.#generator.readPrompt(prompt);
  }

  /** What translations are written in, or the text of a language model. */
  get targetTokenizer(): Tokenizer | undefined {
    return this.#loaded.members[0]?.targetTokenizer;
  }

  /** Floating-point operations that a token takes in all models: once per source token, and per target token of every hypothesis. */
  get operationsPerToken(): { readonly source: number; readonly target: number } {
    const costs = this.#loaded.members.map(({ model }) => model.parameters.costs);
    const sum = (side: 'source' | 'target') => costs.reduce((so, { [side]: multiplications }) => so + 2 * multiplications, 0);
    return { source: sum('source'), target: sum('target') };
  }

  /** Tokens of a prompt that leave a language model room for one more; Infinity where it reads any number. */
  get promptRoom(): number {
    return this.#generator.promptRoom;
  }

  /** What each token of a language model adds to the text; a character of several tokens comes with the last of them. */
  pieces(ids: ArrayLike<number>): string[] {
    return this.#generator.pieces(ids);
  }

  /** A token of a language model by itself: its text, `bytes:\x..` for a part of a character, its name where it has no text. */
  spelling(id: number): string {
    return this.#generator.spelling(id);
  }

  /**
   * What a language model predicts at the place of each of the tokens, given those before it: `top` likeliest ones besides. Of more than
   * it can read, each is predicted with at least half a context before it, as `scoreText` does. Undefined for a first token that
   * nothing comes before.
   */
  predictions(
    ids: ArrayLike<number>,
    options?: { readonly top?: number; readonly signal?: AbortSignal | undefined },
  ): Promise<(PredictedToken | undefined)[]> {
    const context = Math.min(...this.#contexts);
    return this.#run('predictions', options, (signal) => this.#generator.predict(ids, { ...options, context, signal }));
  }

  /**
   * Hands over a language model whose tokens are bytes, as what predicts a file, for as long as `use` takes. For files that are read on
   * another machine, open it with `gemm: 'exact'`.
   *
   * @throws DecadeError `usage` for several models, for a translator, and for tokens that are not bytes
   */
  compressing<Result>(use: (model: TrainedModel) => Promise<Result>): Promise<Result> {
    const { members, local, nodeUses } = this.#loaded;
    const compressing = nodeUses?.compressing;
    if (compressing === undefined) throw new Error('opened without what compresses');
    return this.#run('compressing', undefined, () => compressing(members, local, use));
  }

  /** Runs a call. The signal it is handed aborts when that of its options does, or at the end. */
  async #run<Result>(
    name: string,
    options: { readonly signal?: AbortSignal | undefined } | undefined,
    call: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    requireOptions(`${name} options`, options);
    return this.#lifetime.run(call, options?.signal);
  }

  /** Of language models: tokens of a context in training. */
  get #contexts(): number[] {
    return this.#loaded.members.flatMap(({ context }) => context ?? []);
  }

  /** The options with the selection that they describe. */
  #selecting({ select, ...options }: TranslateOptions): TranslatorOptions {
    if (select === undefined) return options;
    const { translationSelection } = this.#loaded.nodeUses ?? {};
    if (translationSelection === undefined)
      throw new DecadeError('usage', { where: 'select', received: 'in a page', allowed: 'under Node' });
    return { ...options, selection: translationSelection(select) };
  }

  get #translator(): Translator {
    const { translator, members } = this.#loaded;
    if (translator === undefined) throw withoutSource(members[0]?.name);
    return translator;
  }

  /** The first model, which has a source. */
  get #first(): TranslationModel {
    const [first] = this.#loaded.members;
    if (first === undefined || !hasSource(first)) throw withoutSource(first?.name);
    return first;
  }

  get #generator(): TextGenerator {
    const { generator, members } = this.#loaded;
    if (generator !== undefined) return generator;
    throw new DecadeError('usage', {
      where: members[0]?.name ?? 'model',
      received: 'a translator, which writes nothing without a source',
      allowed: 'a language model',
      next: 'translate with it: decade translate, with --sample for random translations, or translate from TypeScript',
    });
  }

  /** Ends what is under way, by an error, and gives the memory back. Again, it does nothing. */
  dispose(): Promise<void> {
    this.#released ??= this.#lifetime.end().then(() => this.#loaded.release());
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** All that a `LoadedModel` offers. A model in a page, which another thread computes for, offers the same. */
export type ModelUses = Omit<Pick<LoadedModel, keyof LoadedModel>, ServerUses>;

/** What only a server or a command asks of a model: it hands none of it to a page. */
type ServerUses = 'promptRoom' | 'targetTokenizer' | 'spelling' | 'compressing' | 'operationsPerToken';

/** A model of those that were opened together. */
export interface Member extends EnsembleMember, PlacedModel, Pick<TranslationModel, 'sourceWords'> {
  readonly model: Model;
  readonly modelOptions: ModelOptions;
  /** Of a language model: tokens of a context in training. */
  readonly context: number | undefined;
  /** What it is translated with unless something else is asked for. */
  readonly decoding: DecodingDefaults;
}

export function hasSource<Any extends EnsembleMember>(member: Any): member is Any & TranslationModel {
  return member.sourceTokenizer !== undefined;
}

function withoutSource(name = 'model'): DecadeError {
  return new DecadeError('usage', {
    where: name,
    received: 'a language model, which has no source',
    allowed: 'a model that was trained on pairs',
    next: 'write on from a prompt with decade generate (generate), or score a text with decade score --text (scoreText)',
  });
}
