import { type ComparedSystem, type Comparison, compareSystems, requireSystems } from './analysis/compare.js';
import { devSet, type Examination, type ExaminationRequest, examineRun, translateAll } from './analysis/examine.js';
import { type RescoreOptions, type Rescoring, rescore as rescoreList } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import type { TestSet } from './analysis/scored-sentences.js';
import type { WorkControl } from './analysis/work.js';
import { openRun } from './checkpoint/run.js';
import { DecadeError } from './core/errors.js';
import { joinPath } from './core/files.js';
import { type AttentionMap, attentionMap } from './decoding/attention-map.js';
import { ensemble } from './decoding/ensemble.js';
import type { DecodingExecutor } from './decoding/executor.js';
import { LocalDecodingExecutor } from './decoding/local-executor.js';
import type { DecodingOptionsInput } from './decoding/options.js';
import { type LineScore, type ScoreOptions, scoreLines } from './decoding/score.js';
import { type SentenceVectorOptions, type SentenceVectors, sentenceVectors } from './decoding/sentence-vectors.js';
import { type SourceLine, type TranslateOptions, type TranslationResult, Translator } from './decoding/translator.js';
import type { TranslationModel } from './decoding/translation-model.js';
import { type Evaluation, evaluate as evaluateMetric, metricNamed, type ReadingOptions } from './metrics/evaluate.js';
import { createModel, type ModelOptions } from './models/create.js';
import type { Model } from './models/model.js';
import { DataExecutor } from './parallel/data-executor.js';
import { sharedModel } from './parallel/decoding-messages.js';
import { ElasticDecodingExecutor } from './parallel/elastic-decoding.js';
import type { Runtime } from './parallel/runtime.js';
import { startPipeline } from './parallel/start-pipeline.js';
import type { Device } from './tensor/device.js';
import type { Precision } from './tensor/matrix.js';
import { Memory } from './tensor/memory.js';
import {
  type Configuration,
  type ConfigurationInput,
  configurationOf,
  printConfiguration,
  resolveConfiguration,
} from './training/configuration.js';
import type { TrainingSummary } from './training/events.js';
import type { Executor } from './training/executor.js';
import { LocalExecutor } from './training/local-executor.js';
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
export async function train(
  runtime: Runtime,
  configuration: string | ConfigurationInput,
  { devices, gemm, set = [], ...request }: TrainOptions,
): Promise<TrainingSummary> {
  const memory = new Memory({ shared: runtime.sharedMemory });
  const context: TrainingContext = {
    files: runtime.files,
    openExecutor(setup) {
      // A resumed run computes as it began, unless it is told that it need not.
      const before = request.allowDifferentPlacement ? undefined : setup.placement;
      return openExecutor(runtime, memory, setup, {
        devices: devices ?? before?.devices ?? runtime.cores,
        gemm: gemm ?? before?.gemm,
        precision: before?.precision ?? setup.precision,
      });
    },
  };
  return trainRun(context, await readConfiguration(runtime, configuration, set), request);
}

/** Reads a configuration file, or takes an object, with `set` in place of what it says; checks it and fills in the defaults. */
export async function readConfiguration(
  { files }: Runtime,
  configuration: string | ConfigurationInput,
  set: readonly string[] = [],
): Promise<Configuration> {
  if (typeof configuration === 'string') {
    return resolveConfiguration(await files.readText(configuration), configuration, set, files.absolute);
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
}

/** A trained model, or several that translate together. Holds memory until disposed. */
export class LoadedModel implements AsyncDisposable {
  readonly #device: Device;
  readonly #members: readonly Member[];
  readonly #executor: DecodingExecutor;
  readonly #translator: Translator;

  /** See `load`. */
  constructor(device: Device, members: readonly Member[], executor: DecodingExecutor, translator: Translator) {
    this.#device = device;
    this.#members = members;
    this.#executor = executor;
    this.#translator = translator;
  }

  /** A translation for every line, in their order; `''` for an empty one. */
  translate(lines: readonly SourceLine[], options?: TranslateOptions): Promise<TranslationResult[]> {
    return this.#translator.translate(lines, options);
  }

  /** As `translate`, each translation as soon as it can be given: lines may come from a file, a socket or a keyboard. */
  translateStream(
    lines: AsyncIterable<SourceLine> | Iterable<SourceLine>,
    options?: TranslateOptions,
  ): AsyncGenerator<TranslationResult, void, undefined> {
    return this.#translator.translateStream(lines, options);
  }

  /**
   * How likely the model finds each target, given its source: natural logarithms of probabilities. Several models average
   * their probabilities at every token.
   */
  score(pairs: readonly { readonly source: string; readonly target: string }[], options?: ScoreOptions): Promise<LineScore[]> {
    return scoreLines(this.#members[0] as Member, this.#executor, pairs, options);
  }

  /**
   * Chooses anew from an n-best list of any system, by its own figures and the model's log-probabilities; several models
   * average their probabilities.
   *
   * @throws DecadeError `usage` for options that are not allowed, `input` for a list or references of another text
   */
  rescore(list: NbestList, options?: RescoreOptions): Promise<Rescoring> {
    return rescoreList(list, (pairs, control) => this.score(pairs, control), options);
  }

  /**
   * What the encoder makes of every line, as one vector each.
   *
   * @throws DecadeError `usage` for several models, and for an architecture without such a vector
   */
  async sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors> {
    const [only, ...others] = this.#members;
    if (only === undefined || others.length > 0) {
      throw new DecadeError('usage', { where: 'sentenceVectors', received: `${this.#members.length} models`, allowed: 'one' });
    }
    return sentenceVectors(only, this.#device, lines, options);
  }

  /**
   * Translates, and tells which source tokens the model looked at when it wrote each target token. Undefined for an empty
   * line, and for a model without attention.
   */
  async attentionMaps(lines: readonly string[], options: TranslateOptions = {}): Promise<(AttentionMap | undefined)[]> {
    const [first] = this.#members;
    const results = await this.translate(lines, { ...options, attention: true });
    return results.map((result, line) => first && attentionMap(first, lines[line] as string, result));
  }

  /** Ends what is under way and gives the memory back. */
  async dispose(): Promise<void> {
    this.#translator.dispose();
    await this.#executor.dispose();
    for (const { model } of this.#members) model.parameters.dispose();
    this.#device.matrix.dispose();
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
  { gemm, devices = runtime.cores, ...options }: LoadOptions = {},
): Promise<LoadedModel> {
  const memory = new Memory({ shared: runtime.sharedMemory });
  const device = await runtime.openDevice(memory, { gemm });
  const members: Member[] = [];
  for (const path of typeof runs === 'string' ? [runs] : runs) {
    const run = await openRun(runtime.files, path);
    const configuration = resolveConfiguration(run.configuration, joinPath(path, 'config.yaml'));
    const { source, target } = run.tokenizers;
    const model = createModel(configuration.model, { source: source.size, target: target.size });
    await run.loadParameters(model.parameters, memory);
    members.push({ name: path, model, modelOptions: configuration.model, sourceTokenizer: source, targetTokenizer: target });
  }
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
  return new LoadedModel(device, members, executor, new Translator(together, executor, options));
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

/** Opens a model, scores pairs and closes it: for once. */
export async function score(
  runtime: Runtime,
  run: string,
  pairs: readonly { readonly source: string; readonly target: string }[],
  { gemm, devices, ...options }: ScoreOptions & ComputeOptions = {},
): Promise<LineScore[]> {
  return withModel(runtime, run, { gemm, devices }, (model) => model.score(pairs, options));
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

export interface EvaluateOptions extends ReadingOptions {
  readonly hypotheses: readonly string[];
  /** One list for each set of references. */
  readonly references: readonly (readonly string[])[];
  /** `bleu`, `chrf`, `chrf++`, `ter`, `exact`. Default: bleu and chrf. */
  readonly metrics?: readonly string[] | undefined;
}

/** Scores translations against references as sacreBLEU does. */
export function evaluate({ hypotheses, references, metrics = ['bleu', 'chrf'], ...reading }: EvaluateOptions): Evaluation[] {
  return metrics.map((name) => metricNamed(name, reading)).map((metric) => evaluateMetric(metric, hypotheses, references));
}

export interface ReportOptions extends ExaminationRequest, ComputeOptions {
  /** The command line that asks, for the page to repeat. Default: `decade report RUN`. */
  readonly command?: readonly string[] | undefined;
}

/** Examines a run and shows what was found on one HTML page. */
export async function report(
  runtime: Runtime,
  run: string,
  { gemm, devices, command = ['decade', 'report', run], ...request }: ReportOptions = {},
): Promise<{ page: string; examination: Examination }> {
  const examination = await examineRun(runtime.files, run, request, () => load(runtime, run, { gemm, devices }));
  // Whoever only translates need not load what draws.
  const { reportPage } = await import('./analysis/report/report-page.js');
  return { page: await reportPage(examination, command), examination };
}

export interface CompareOptions extends WorkControl, ComputeOptions, Pick<ExaminationRequest, 'decoding'> {
  /** Default: the dev corpus of the first run. */
  readonly testSet?: TestSet | undefined;
  /** Translations of the test set that somebody else made. */
  readonly hypotheses?: readonly ComparedSystem[] | undefined;
  /** Default: bleu and chrf. */
  readonly metrics?: readonly string[] | undefined;
}

/** Translates a test set with each run and tests how they differ from the first, on one HTML page and in figures. */
export async function compare(
  runtime: Runtime,
  runs: readonly string[],
  { gemm, devices, decoding, testSet, hypotheses = [], metrics, ...control }: CompareOptions = {},
): Promise<{ page: string; comparison: Comparison }> {
  requireSystems([...runs.map((name) => ({ name })), ...hypotheses]);
  for (const metric of metrics ?? []) metricNamed(metric);
  const sentences = testSet ?? (await devSetOf(runtime, runs[0]));
  const translated: ComparedSystem[] = [];
  for (const name of runs) {
    const hypotheses = await withModel(runtime, name, { gemm, devices }, (model) =>
      translateAll(model, sentences.sources, { decoding, ...control }),
    );
    translated.push({ name, hypotheses });
  }
  const comparison = await compareSystems(sentences, [...translated, ...hypotheses], metrics, control);
  const { comparePage } = await import('./analysis/report/compare-page.js');
  return { page: await comparePage(comparison), comparison };
}

async function devSetOf(runtime: Runtime, run: string | undefined): Promise<TestSet> {
  if (run === undefined) {
    throw new DecadeError('usage', { where: 'compare', received: 'no run and no test set', allowed: '--references with --hypotheses' });
  }
  const { configuration } = await openRun(runtime.files, run);
  return devSet(runtime.files, resolveConfiguration(configuration, joinPath(run, 'config.yaml')));
}
