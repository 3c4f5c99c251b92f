import { type ComparedSystem, type Comparison, compareSystems, requireSystems } from './analysis/compare.js';
import { compareBins } from './analysis/compared-bins.js';
import { type ComparedRun, readComparedRun } from './analysis/compared-runs.js';
import { corpusFacts } from './analysis/corpus-facts.js';
import { devSet, type Examination, type ExaminationRequest, examineRun } from './analysis/examine.js';
import { translateAll } from './analysis/examined-test.js';
import { type RescoreOptions, type Rescoring, rescore as rescoreList } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import type { TestSet } from './analysis/scored-sentences.js';
import type { WorkControl } from './analysis/work.js';
import { mostConfigurationBytes, openRun } from './checkpoint/run.js';
import { readBoundedText } from './core/bounded-text.js';
import { DecadeError } from './core/errors.js';
import { joinPath } from './core/files.js';
import { Lifetime } from './core/lifetime.js';
import { type AttentionMap, attentionMap } from './decoding/attention-map.js';
import { ensemble } from './decoding/ensemble.js';
import type { DecodingExecutor } from './decoding/executor.js';
import { LocalDecodingExecutor } from './decoding/local-executor.js';
import type { DecodingOptionsInput } from './decoding/options.js';
import { type LineScore, type ScoreOptions, scoreLines } from './decoding/score.js';
import { type SentenceVectorOptions, type SentenceVectors, sentenceVectors } from './decoding/sentence-vectors.js';
import { type SourceLine, type TranslateOptions, type TranslationResult, Translator } from './decoding/translator.js';
import type { TranslationModel } from './decoding/translation-model.js';
import { type Evaluation, evaluate as evaluateMetric } from './metrics/evaluate.js';
import { bleu } from './metrics/bleu.js';
import { resolveScoring, type ScoringOptions, scoringMetrics } from './metrics/scoring-options.js';
import { createModel, type ModelOptions } from './models/create.js';
import type { Model } from './models/model.js';
import { DataExecutor } from './parallel/data-executor.js';
import { sharedModel } from './parallel/decoding-messages.js';
import { ElasticDecodingExecutor } from './parallel/elastic-decoding.js';
import { checkedDevices, type Runtime } from './parallel/runtime.js';
import { startPipeline } from './parallel/start-pipeline.js';
import type { Device } from './tensor/device.js';
import type { Precision } from './tensor/matrix.js';
import type { Memory } from './tensor/memory.js';
import {
  type Configuration,
  type ConfigurationInput,
  configurationOf,
  printConfiguration,
  resolveRunConfiguration,
  resolveConfiguration,
} from './training/configuration.js';
import type { TrainingSummary } from './training/events.js';
import type { Executor } from './training/executor.js';
import { LocalExecutor } from './training/local-executor.js';
import { requireLoadOptions, requireTrainOptions } from './training/request-options.js';
import { type ExecutorSetup, type TrainingContext, type TrainRequest, train as trainRun } from './training/train.js';

export interface TrainOptions extends TrainRequest {
  /** Worker threads to compute on. Default: one a core, or what the resumed run had. */
  readonly devices?: number | undefined;
  /** A matrix library by name: `webassembly`, `avx512`, `avx2`, `openblas`, `mkl`, `accelerate`, `onednn`. Default: the fastest here. */
  readonly gemm?: string | undefined;
  /** `key.path=value` each, in place of what the configuration says. */
  readonly set?: readonly string[] | undefined;
}

/**
 * Trains a model into a run directory.
 *
 * @param configuration  path of a YAML file, or the same as an object
 * @throws DecadeError   see `TrainRequest`; whatever is thrown, the last checkpoint stands
 */
export async function train(runtime: Runtime, configuration: string | ConfigurationInput, options: TrainOptions): Promise<TrainingSummary> {
  requireTrainOptions(options);
  const { devices, gemm, set = [], ...request } = options;
  checkedDevices(runtime, devices);
  const memory = runtime.newMemory();
  const context: TrainingContext = {
    files: runtime.files,
    openExecutor(setup) {
      // A resumed run computes as it began, unless it is told that it need not.
      const before = request.allowDifferentPlacement ? undefined : setup.placement;
      return openExecutor(runtime, memory, setup, {
        devices: checkedDevices(runtime, devices ?? before?.devices),
        gemm: gemm ?? before?.gemm,
        precision: before?.precision ?? setup.precision,
      });
    },
  };
  try {
    return await trainRun(context, await readConfiguration(runtime, configuration, set), request);
  } finally {
    await runtime.releaseMemory(memory);
  }
}

/** Reads a configuration file, or takes an object, with `set` in place of what it says; checks it and fills in the defaults. */
export async function readConfiguration(
  { files }: Runtime,
  configuration: string | ConfigurationInput,
  set: readonly string[] = [],
): Promise<Configuration> {
  if (typeof configuration === 'string') {
    const text = await readBoundedText(files, configuration, mostConfigurationBytes, 'a configuration');
    return resolveConfiguration(text, configuration, set, files.absolute);
  }
  if (set.length === 0) return configurationOf(configuration, files.absolute);
  return resolveConfiguration(printConfiguration(configuration), 'configuration', set, files.absolute);
}

/** Threads where the platform shares memory with them, so that this one stays free; otherwise this thread. */
async function openExecutor(
  runtime: Runtime,
  memory: Memory,
  { model, modelOptions, rule, parallel, batch, placement: saved, warn }: ExecutorSetup,
  { devices, gemm, precision }: { devices: number; gemm: string | undefined; precision: Precision },
): Promise<Executor> {
  model.parameters.allocate(memory);
  // Opened here first, so that all threads use the library that is chosen once.
  const device = await runtime.openDevice(memory, { gemm, precision, warn });
  if (!runtime.sharedMemory && parallel.strategy === 'data') return new LocalExecutor(device, model, rule);
  device.matrix.dispose();
  if (parallel.strategy === 'pipeline') {
    return startPipeline({ runtime, memory, model, modelOptions, rule, devices, gemm, precision, options: parallel, batch, saved });
  }
  return DataExecutor.start({ runtime, memory, model, modelOptions, rule, devices, gemm, precision });
}

export interface LoadOptions extends DecodingOptionsInput {
  /**
   * Worker threads to compute on, which share one copy of the parameters. They are started when there is enough to do for
   * them; until then, and for single lines, this thread computes. Default: one a core.
   */
  readonly devices?: number | undefined;
  /** A matrix library by name: `webassembly`, `avx512`, `avx2`, `openblas`, `mkl`, `accelerate`, `onednn`. Default: the fastest here. */
  readonly gemm?: string | undefined;
  /**
   * The networks as their configurations initialise them, before any update: the control for what training brought. What
   * `train --init` began with is not restored. Default: false.
   */
  readonly untrained?: boolean | undefined;
}

/** What a `LoadedModel` holds, and how it is given back when nobody computes with it any more. */
interface Loaded {
  readonly device: Device;
  readonly members: readonly Member[];
  readonly executor: DecodingExecutor;
  readonly translator: Translator;
  release(): Promise<void>;
}

/** A trained model, or several that translate together. Holds memory until disposed; every call after that is refused. */
export class LoadedModel implements AsyncDisposable {
  readonly #loaded: Loaded;
  readonly #lifetime = new Lifetime(
    () =>
      new DecadeError('usage', {
        where: 'model',
        received: 'a call after dispose',
        allowed: 'calls before it',
        next: 'load the model again',
      }),
  );
  #released: Promise<void> | undefined;

  /** See `load`. */
  constructor(loaded: Loaded) {
    this.#loaded = loaded;
  }

  /** A translation for every line, in their order; `''` for an empty one. */
  translate(lines: readonly SourceLine[], options?: TranslateOptions): Promise<TranslationResult[]> {
    const { translator } = this.#loaded;
    return this.#lifetime.run((signal) => translator.translate(lines, { ...options, signal }), options?.signal);
  }

  /** As `translate`, each translation as soon as it can be given: lines may come from a file, a socket or a keyboard. */
  translateStream(
    lines: AsyncIterable<SourceLine> | Iterable<SourceLine>,
    options?: TranslateOptions,
  ): AsyncGenerator<TranslationResult, void, undefined> {
    const { translator } = this.#loaded;
    return this.#lifetime.stream((signal) => translator.translateStream(lines, { ...options, signal }), options?.signal);
  }

  /**
   * How likely the model finds each target, given its source: natural logarithms of probabilities. Several models average
   * their probabilities at every token.
   */
  score(pairs: readonly { readonly source: string; readonly target: string }[], options?: ScoreOptions): Promise<LineScore[]> {
    const { members, executor } = this.#loaded;
    return this.#lifetime.run((signal) => scoreLines(members[0] as Member, executor, pairs, { ...options, signal }), options?.signal);
  }

  /**
   * Chooses anew from an n-best list of any system, by its own figures and the model's log-probabilities; several models
   * average their probabilities.
   *
   * @throws DecadeError `usage` for options that are not allowed, `input` for a list or references of another text
   */
  rescore(list: NbestList, options?: RescoreOptions): Promise<Rescoring> {
    return this.#lifetime.run(
      (signal) => rescoreList(list, (pairs, control) => this.score(pairs, control), { ...options, signal }),
      options?.signal,
    );
  }

  /** Whether `sentenceVectors` has any to give. */
  get hasSentenceVectors(): boolean {
    const [only, ...others] = this.#loaded.members;
    return only?.model.sentenceEncoder !== undefined && others.length === 0;
  }

  /**
   * What the encoder makes of every line, as one vector each.
   *
   * @throws DecadeError `usage` for several models, and for an architecture without such a vector
   */
  sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors> {
    const { members, device } = this.#loaded;
    return this.#lifetime.run(async (signal) => {
      const [only, ...others] = members;
      if (only === undefined || others.length > 0) {
        throw new DecadeError('usage', { where: 'sentenceVectors', received: `${members.length} models`, allowed: 'one' });
      }
      return sentenceVectors(only, device, lines, { ...options, signal });
    }, options?.signal);
  }

  /**
   * Translates, and tells which source tokens the model looked at when it wrote each target token. Undefined for an empty
   * line, and for a model without attention.
   */
  async attentionMaps(lines: readonly string[], options: TranslateOptions = {}): Promise<(AttentionMap | undefined)[]> {
    const [first] = this.#loaded.members;
    const results = await this.translate(lines, { ...options, attention: true });
    return results.map((result, line) => first && attentionMap(first, lines[line] as string, result));
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

type Member = TranslationModel & { readonly model: Model; readonly modelOptions: ModelOptions };

/**
 * Opens trained models. Runs no code of theirs and checks every size before it allocates.
 *
 * @param runs     a run directory; several translate together, which needs the same tokenizers
 * @param options  defaults for every translation
 * @throws DecadeError `input` for what is no run, or a damaged one
 */
export async function load(
  runtime: Runtime,
  runs: string | readonly string[],
  { gemm, devices: wanted, untrained = false, ...options }: LoadOptions = {},
): Promise<LoadedModel> {
  requireLoadOptions(runs, { gemm, devices: wanted });
  const devices = checkedDevices(runtime, wanted);
  const memory = runtime.newMemory();
  let device: Device | undefined;
  const release = async () => {
    device?.matrix.dispose();
    await runtime.releaseMemory(memory);
  };
  try {
    device = await runtime.openDevice(memory, { gemm });
    const members: Member[] = [];
    for (const path of typeof runs === 'string' ? [runs] : runs) members.push(await openMember(runtime, path, memory, untrained));
    const together = ensemble(members);
    const executor = new ElasticDecodingExecutor({
      runtime,
      memory,
      local: LocalDecodingExecutor.of(
        device,
        members.map(({ model }) => model),
      ),
      members: members.map(({ model, modelOptions }) => sharedModel(model, modelOptions)),
      gemm,
      devices: runtime.sharedMemory ? devices : 1,
      rowCost: members.reduce((sum, { model }) => sum + Math.max(model.parameters.costs.source, model.parameters.costs.target), 0),
    });
    const translator = new Translator(together, executor, options);
    return new LoadedModel({ device, members, executor, translator, release: () => executor.dispose().then(release) });
  } catch (error) {
    await release();
    throw error;
  }
}

async function openMember({ files }: Runtime, path: string, memory: Memory, untrained: boolean): Promise<Member> {
  const run = await openRun(files, path);
  const configuration = resolveRunConfiguration(run.configuration, joinPath(path, 'config.yaml'));
  const { source, target, sourceWords } = run.tokenizers;
  const model = createModel(configuration.model, { source: source.size, target: target.size });
  if (untrained) {
    model.parameters.allocate(memory);
    model.parameters.initialise(configuration.training.seed);
  } else {
    await run.loadParameters(model.parameters, memory);
  }
  return { name: path, model, modelOptions: configuration.model, sourceTokenizer: source, targetTokenizer: target, sourceWords };
}

/** Opens models, translates lines and closes them: for once. */
export async function translate(
  runtime: Runtime,
  runs: string | readonly string[],
  lines: readonly SourceLine[],
  { gemm, devices, ...options }: TranslateOptions & LoadOptions = {},
): Promise<TranslationResult[]> {
  return withModel(runtime, runs, { gemm, devices }, (model) => model.translate(lines, options));
}

/** What to compute on. */
export type ComputeOptions = Pick<LoadOptions, 'gemm' | 'devices'>;

/** Opens models, scores pairs and closes them: for once. */
export async function score(
  runtime: Runtime,
  runs: string | readonly string[],
  pairs: readonly { readonly source: string; readonly target: string }[],
  { gemm, devices, ...options }: ScoreOptions & ComputeOptions = {},
): Promise<LineScore[]> {
  return withModel(runtime, runs, { gemm, devices }, (model) => model.score(pairs, options));
}

/** Opens models, rescores an n-best list and closes them: for once. */
export async function rescore(
  runtime: Runtime,
  runs: string | readonly string[],
  list: NbestList,
  { gemm, devices, ...options }: RescoreOptions & ComputeOptions = {},
): Promise<Rescoring> {
  return withModel(runtime, runs, { gemm, devices }, (model) => model.rescore(list, options));
}

async function withModel<Result>(
  runtime: Runtime,
  runs: string | readonly string[],
  options: LoadOptions,
  use: (model: LoadedModel) => Promise<Result>,
): Promise<Result> {
  const model = await load(runtime, runs, options);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

export interface EvaluateOptions extends ScoringOptions {
  readonly hypotheses: readonly string[];
  /** One list for each set of references. */
  readonly references: readonly (readonly string[])[];
}

/** Scores translations against references as sacreBLEU does. */
export function evaluate({ hypotheses, references, ...scoring }: EvaluateOptions): Evaluation[] {
  return scoringMetrics(scoring).map((metric) => evaluateMetric(metric, hypotheses, references));
}

export interface ReportOptions extends Omit<ExaminationRequest, 'scoring'>, ScoringOptions, ComputeOptions {
  /** The command line that asks, for the page to repeat. Default: `decade report RUN`. */
  readonly command?: readonly string[] | undefined;
}

/** Examines a run and shows what was found on one HTML page. */
export async function report(
  runtime: Runtime,
  run: string,
  options: ReportOptions = {},
): Promise<{ page: string; examination: Examination }> {
  const { gemm, devices, command = ['decade', 'report', run], metrics, tokenize, lowercase, smooth, smoothValue, ...request } = options;
  const scoring = { metrics, tokenize, lowercase, smooth, smoothValue };
  const examination = await examineRun(runtime.files, run, { ...request, scoring }, () => load(runtime, run, { gemm, devices }));
  // Whoever only translates need not load what draws.
  const { reportPage } = await import('./analysis/report/report-page.js');
  return { page: await reportPage(examination, command), examination };
}

export interface CompareOptions extends WorkControl, ComputeOptions, ScoringOptions, Pick<ExaminationRequest, 'decoding'> {
  /** Default: the dev corpus of the first run. */
  readonly testSet?: TestSet | undefined;
  /** Translations of the test set that somebody else made. */
  readonly hypotheses?: readonly ComparedSystem[] | undefined;
}

/** Translates a test set with each run and tests how they differ from the first, on one HTML page and in figures. */
export async function compare(
  runtime: Runtime,
  runs: readonly string[],
  { gemm, devices, decoding, testSet, hypotheses = [], signal, onProgress, ...scoring }: CompareOptions = {},
): Promise<{ page: string; comparison: Comparison }> {
  requireSystems([...runs.map((name) => ({ name })), ...hypotheses]);
  scoringMetrics(scoring);
  const control = { signal, onProgress };
  const read: ComparedRun[] = [];
  for (const name of runs) read.push(await readComparedRun(runtime.files, name));
  const sentences = testSet ?? (await devSetOf(runtime, read[0]));
  const translated: ComparedSystem[] = [];
  for (const name of runs) {
    const translations = await withModel(runtime, name, { gemm, devices }, (model) =>
      translateAll(model, sentences.sources, { decoding, ...control }),
    );
    translated.push({ name, hypotheses: translations.map(({ text }) => text) });
  }
  const comparison = await compareSystems(sentences, [...translated, ...hypotheses], scoring, control);
  const frequencies = read[0] && (await frequenciesOf(runtime, read[0], control));
  const { metrics: _, ...reading } = resolveScoring(scoring);
  const bins = await compareBins(bleu(reading), sentences, comparison.systems, frequencies, control);
  const { comparePage } = await import('./analysis/report/compare-page.js');
  return { page: await comparePage(comparison, { bins, runs: read }), comparison };
}

/** Of the words of a run's training corpus; undefined if it is no longer there. */
async function frequenciesOf(
  { files }: Runtime,
  { configuration }: ComparedRun,
  control: WorkControl,
): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    return (await corpusFacts(files, configuration.data.train, control)).frequencies;
  } catch (error) {
    if (error instanceof DecadeError && error.kind === 'input') return undefined;
    throw error;
  }
}

async function devSetOf(runtime: Runtime, run: ComparedRun | undefined): Promise<TestSet> {
  if (run === undefined) {
    throw new DecadeError('usage', { where: 'compare', received: 'no run and no test set', allowed: '--references with --hypotheses' });
  }
  return devSet(runtime.files, run.configuration);
}
