import type * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Runtime } from '../parallel/runtime.js';
import type { Account, TimeTaken } from './account.js';
import { type AccountFiles, requireOwnAccount, writeAccount } from './account-files.js';
import { type BaseChoice, experimentBase } from './base.js';
import { type Catalogue, type ExperimentName, experimentNamed, experiments } from './catalogue/index.js';
import { type Cost, costOf } from './cost.js';
import type { Experiment, Finding, OwnOptions, Stage, Study } from './experiment.js';
import { Laboratory } from './laboratory.js';
import type { LaboratoryEvent, LaboratoryOptions } from './laboratory-options.js';
import { noVerdict, trainingsOnly, unigramPerplexities } from './learning.js';
import { resolveOwnOptions } from './options.js';
import type { Step, TrainedRun } from './steps.js';

/** Options of every experiment, in addition to its own. */
export interface CommonOptions extends Omit<LaboratoryOptions, 'onEvent'>, BaseChoice {
  readonly onEvent?: ((event: ReproduceEvent) => void) | undefined;
  /** Seconds for measuring the speed of each kind of network, to predict the cost. Default: 1. */
  readonly speedSeconds?: number | undefined;
  /** The command line, to show in the results. */
  readonly command?: string | undefined;
}

/** Options of an experiment of the catalogue. */
export type ReproduceOptions<Name extends ExperimentName = ExperimentName> = Name extends ExperimentName
  ? CommonOptions & z.input<z.ZodObject<(typeof experiments)[Name]['options']>>
  : never;

/** The predicted cost of a stage, then its progress. */
export type ReproduceEvent = { readonly kind: 'cost'; readonly cost: Cost } | LaboratoryEvent;

export interface Reproduction {
  readonly account: Account;
  /** Files that contain the account. */
  readonly files: AccountFiles;
}

/**
 * Predicts the cost of `reproduce`; does no step and writes nothing. If steps depend on results, it covers the stages whose results
 * are stored, and the next one.
 */
export async function reproductionCost<Options extends CommonOptions>(
  runtime: Runtime,
  name: string,
  options: Options,
  catalogue: Catalogue = experiments,
): Promise<Cost> {
  const { experiment, study } = await prepared(runtime, name, options, catalogue);
  const { laboratory } = study;
  const known: Step[] = [];
  const told = (stage?: Stage) => costOf(laboratory, { ...stage, steps: known }, options.speedSeconds);
  const seen = new Set<string>();
  for await (const stage of experiment.stages(study)) {
    known.push(...(await laboratory.addresses.inOrder(stage.steps, seen)));
    if (stage.follows === undefined || !(await laboratory.isDone(stage.steps))) return told(stage);
  }
  return told();
}

/**
 * Reruns an experiment of a paper from start to finish, in a directory that experiments share: does the steps without stored
 * results, continues interrupted ones, and writes a table with the paper's figures (Markdown and JSON), a page with plots, and
 * each plot as a file.
 *
 * @throws DecadeError `usage` for an unknown experiment, options that are not allowed, or other files with the names of its results;
 *         the signal's reason when it aborts: results so far are kept, and the same call continues
 */
export async function reproduce<Options extends CommonOptions>(
  runtime: Runtime,
  name: string,
  options: Options,
  catalogue: Catalogue = experiments,
): Promise<Reproduction> {
  const { experiment, study } = await prepared(runtime, name, options, catalogue);
  const { out, command, signal } = options;
  await requireOwnAccount(runtime.files, out, name);
  const { runs, time, finding } = await performStages(experiment, study, options);
  const judging = performance.now();
  const unigrams = experiment.isTimed ? [] : await unigramPerplexities(study.laboratory, runs);
  const failure = experiment.isTimed ? undefined : noVerdict(runs, unigrams);
  signal?.throwIfAborted();
  time.using.taken += secondsSince(judging);
  const account: Account = {
    experiment: name,
    title: experiment.title,
    ...experiment.source,
    data: study.base.description,
    options: study.options,
    testSentences: study.test.sources.length,
    command,
    time,
    unigramPerplexity: unigrams[0],
    runs: runs.map(({ configuration: _, init, ...run }) => ({ ...run, ...(init && { init: init.name }) })),
    trainingSeconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
    ...finding,
    ...(failure !== undefined && { conclusions: [failure] }),
  };
  return { account, files: await writeAccount(runtime.files, out, account) };
}

interface Performed {
  readonly runs: readonly TrainedRun[];
  readonly time: { [Part in keyof TimeTaken]: { predicted: number; taken: number } };
  readonly finding: Finding;
}

/** Does all stages of an experiment and reports the cost of each; returns the finding, early if a training diverged. */
async function performStages(
  experiment: Experiment,
  study: Study<OwnOptions>,
  { signal, onEvent, speedSeconds }: CommonOptions,
): Promise<Performed> {
  const { laboratory } = study;
  const runs: TrainedRun[] = [];
  const time = { training: { predicted: 0, taken: 0 }, using: { predicted: 0, taken: 0 } };
  const hasDiverged = () => !experiment.isTimed && runs.some(({ diverged }) => diverged !== undefined);
  const seen = new Set<string>();
  const stages = experiment.stages(study);
  for (;;) {
    const begun = performance.now();
    const next = await stages.next();
    signal?.throwIfAborted();
    time.using.taken += secondsSince(begun);
    if (next.done) return { runs, time, finding: next.value };
    const steps = await laboratory.addresses.inOrder(next.value.steps, seen);
    const cost = await costOf(laboratory, { ...next.value, steps }, speedSeconds);
    onEvent?.({ kind: 'cost', cost });
    time.training.predicted += cost.trainingSeconds;
    time.using.predicted += cost.usingSeconds;
    for (const step of steps) {
      signal?.throwIfAborted();
      // There may be no model to use or to begin with.
      if ((step.kind !== 'train' || step.init !== undefined) && hasDiverged()) break;
      const begun = performance.now();
      if (step.kind === 'train') runs.push(await laboratory.perform(step));
      else await laboratory.perform(step);
      time[step.kind === 'train' ? 'training' : 'using'].taken += secondsSince(begun);
    }
    if (hasDiverged()) return { runs, time, finding: trainingsOnly(runs) };
  }
}

/** The experiment and its starting point. */
async function prepared<Options extends CommonOptions>(runtime: Runtime, name: string, options: Options, catalogue: Catalogue) {
  const experiment = experimentNamed(name, catalogue);
  const own = resolveOwnOptions(name, experiment, options, catalogue);
  const base = await experimentBase(runtime, experiment, options);
  const laboratory = new Laboratory(runtime, options);
  const test = await laboratory.sentences(base.test, 'test');
  if (test.sources.length === 0) throw new DecadeError('input', { where: 'test set', received: 'no sentence', allowed: 'at least one' });
  const study: Study<OwnOptions> = { base, options: own, test, laboratory };
  return { experiment, study };
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1_000;
}
