import { type ComparedSystem, type Comparison, compareSystems, requireSystems } from './analysis/examination/compare.js';
import { compareBins } from './analysis/examination/compared-bins.js';
import { type ComparedRun, readComparedRun } from './analysis/examination/compared-runs.js';
import { corpusFacts } from './analysis/examination/corpus-facts.js';
import { devSet, type Examination, type ExaminationRequest, examineRun } from './analysis/examination/examine.js';
import { translateAll } from './analysis/examination/examined-test.js';
import type { RescoreOptions, Rescoring } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import type { TestSet } from './analysis/examination/scored-sentences.js';
import type { WorkControl } from './analysis/work.js';
import { mostConfigurationBytes } from './checkpoint/run.js';
import { readBoundedText } from './core/bounded-text.js';
import { DecadeError } from './core/errors.js';
import { requireItem, requireList, requireLists, text, textOrNothing } from './core/lists.js';
import type { LineScore, ScoreOptions } from './decoding/score.js';
import type { SourceLine, TranslateOptions, TranslationResult } from './decoding/translator.js';
import { type LoadOptions, load, withModel } from './loaded-model.js';
import { type Evaluation, evaluate as evaluateMetric } from './metrics/evaluate.js';
import { bleu } from './metrics/bleu.js';
import { resolveScoring, type ScoringOptions, scoringMetrics } from './metrics/scoring-options.js';
import { DataExecutor } from './parallel/data/executor.js';
import { checkedDevices, type Runtime } from './parallel/runtime.js';
import { startPipeline } from './parallel/pipeline/start.js';
import type { Precision } from './tensor/matrix.js';
import type { Memory } from './tensor/memory.js';
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
import { requireTrainOptions } from './training/request-options.js';
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

export interface EvaluateOptions extends ScoringOptions {
  readonly hypotheses: readonly string[];
  /** One list for each set of references. */
  readonly references: readonly (readonly string[])[];
}

/** Scores translations against references as sacreBLEU does. */
export function evaluate({ hypotheses, references, ...scoring }: EvaluateOptions): Evaluation[] {
  requireList('hypotheses', hypotheses);
  requireLists('references', references, textOrNothing);
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
  const {
    gemm,
    devices,
    command = ['decade', 'report', run],
    testSet,
    groups,
    decoding,
    attention,
    signal,
    onProgress,
    ...scoring
  } = options;
  requireItem('run', run, text);
  const request = { testSet, groups, decoding, attention, signal, onProgress, scoring };
  const examination = await examineRun(runtime.files, run, request, () => load(runtime, run, { gemm, devices }));
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
  requireList('runs', runs);
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
    throw new DecadeError('usage', {
      where: 'compare',
      received: 'neither a run nor a test set',
      allowed: '--references with --hypotheses',
    });
  }
  return devSet(runtime.files, run.configuration);
}
