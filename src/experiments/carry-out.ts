import type { Account, TimeTaken } from './account.js';
import { type AccountFiles, requireOwnAccount, writeAccount } from './account-files.js';
import { type Cost, costOf } from './cost.js';
import type { Experiment, Finding, OwnOptions, Stage, Study } from './experiment.js';
import type { Laboratory } from './laboratory.js';
import type { LaboratoryEvent, LaboratoryOptions } from './laboratory-options.js';
import { noVerdict, trainingsOnly, unigramPerplexities } from './learning.js';
import { inputsOf, type Step, type Train, type TrainedRun } from './steps.js';
import { UnderWay } from './under-way.js';

/** The predicted cost of a stage, then its progress. */
export type ReproduceEvent = { readonly kind: 'cost'; readonly cost: Cost } | LaboratoryEvent;

/** How an experiment is carried out. */
export interface CarryOutOptions extends Omit<LaboratoryOptions, 'onEvent'> {
  readonly onEvent?: ((event: ReproduceEvent) => void) | undefined;
  /** Seconds for measuring the speed of each kind of network, to predict the cost. Default: 1. */
  readonly speedSeconds?: number | undefined;
  /** The command line, to show in the results. */
  readonly command?: string | undefined;
}

export interface Reproduction {
  readonly account: Account;
  /** Files that contain the account. */
  readonly files: AccountFiles;
}

/** Trainings that are done here; others are left to other processes. */
export type OwnTrainings = ReadonlySet<Train>;

/** Trainings that others still have to do before an experiment can go on here. */
export class Waiting {
  constructor(
    readonly missing: number,
    readonly trainings: number,
  ) {}
}

/** Predicts the cost of an experiment, as far as its steps are known: all stages whose results are stored, and the next one. */
export async function costAhead<Options extends OwnOptions>(
  experiment: Experiment<Options>,
  study: Study<Options>,
  speedSeconds?: number,
): Promise<Cost> {
  const { laboratory } = study;
  const known: Step[] = [];
  const told = (stage?: Stage) => costOf(laboratory, { ...stage, steps: known }, speedSeconds);
  const seen = new Set<string>();
  for await (const stage of experiment.stages(study)) {
    known.push(...(await laboratory.addresses.inOrder(stage.steps, seen)));
    if (stage.follows === undefined || !(await laboratory.isDone(stage.steps))) return told(stage);
  }
  return told();
}

/**
 * Does all steps of an experiment whose results are not stored, continues interrupted ones, and writes its account under a name.
 *
 * @param share  default: all trainings are done here
 * @returns      `Waiting` where trainings of other shares are not done
 * @throws DecadeError `usage` for other files with the names of its results; the signal's reason when it aborts
 */
export async function carryOut<Options extends OwnOptions>(
  name: string,
  experiment: Experiment<Options>,
  study: Study<Options>,
  options: CarryOutOptions,
): Promise<Reproduction>;
export async function carryOut<Options extends OwnOptions>(
  name: string,
  experiment: Experiment<Options>,
  study: Study<Options>,
  options: CarryOutOptions,
  share: OwnTrainings | undefined,
): Promise<Reproduction | Waiting>;
export async function carryOut<Options extends OwnOptions>(
  name: string,
  experiment: Experiment<Options>,
  study: Study<Options>,
  options: CarryOutOptions,
  share?: OwnTrainings,
): Promise<Reproduction | Waiting> {
  const { out, command, signal } = options;
  const { files } = study.laboratory.runtime;
  await requireOwnAccount(files, out, name);
  await study.laboratory.requireSameDirectory();
  const performed = await performStages(experiment, study, options, share);
  if (performed instanceof Waiting) return performed;
  const { runs, time, finding } = performed;
  const judging = performance.now();
  const unigrams = experiment.judgesItself ? [] : await unigramPerplexities(study.laboratory, runs);
  const failure = experiment.judgesItself ? undefined : noVerdict(runs, unigrams);
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
  return { account, files: await writeAccount(files, out, account) };
}

interface Performed {
  readonly runs: readonly TrainedRun[];
  readonly time: { [Part in keyof TimeTaken]: { predicted: number; taken: number } };
  readonly finding: Finding;
}

/** Does all stages of an experiment and reports the cost of each; returns the finding, early if a training diverged. */
async function performStages<Options extends OwnOptions>(
  experiment: Experiment<Options>,
  study: Study<Options>,
  { signal, onEvent, speedSeconds }: CarryOutOptions,
  share: OwnTrainings | undefined,
): Promise<Performed | Waiting> {
  const { laboratory } = study;
  const runs: TrainedRun[] = [];
  const time = { training: { predicted: 0, taken: 0 }, using: { predicted: 0, taken: 0 } };
  const hasDiverged = (these: Iterable<TrainedRun>) =>
    !experiment.judgesItself && [...these].some(({ diverged }) => diverged !== undefined);
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
    const ordered = laboratory.trainers === 1 ? steps : await mostLaboriousFirst(laboratory, steps, cost);
    const { trained, missing } = await performSteps(laboratory, ordered, { signal, share, time, hasDiverged });
    for (const step of steps) {
      const run = trained.get(step);
      if (run !== undefined) runs.push(run);
    }
    if (missing > 0) return new Waiting(missing, steps.filter(({ kind }) => kind === 'train').length);
    if (hasDiverged(runs)) return { runs, time, finding: trainingsOnly(runs) };
  }
}

interface StepsOptions {
  readonly signal: AbortSignal | undefined;
  readonly share: OwnTrainings | undefined;
  /** What is taken is added. */
  readonly time: Performed['time'];
  readonly hasDiverged: (runs: Iterable<TrainedRun>) => boolean;
}

/** Does the steps of a stage, as many trainings at the same time as there are trainers; fewer where others' are missing, or one diverged. */
async function performSteps(laboratory: Laboratory, steps: readonly Step[], { signal, share, time, hasDiverged }: StepsOptions) {
  const underWay = new UnderWay(laboratory.trainers, (reason) => laboratory.stop(reason));
  const trained = new Map<Step, TrainedRun>();
  let [missing, isBlocked] = [0, false];
  const waitFor = async (work: Promise<unknown>, part: keyof typeof time) => {
    const since = performance.now();
    await work;
    time[part].taken += secondsSince(since);
  };
  try {
    for (const step of steps) {
      signal?.throwIfAborted();
      const needsTrainings = step.kind === 'train' ? step.init !== undefined : inputsOf(step).length > 0;
      if (needsTrainings) await waitFor(underWay.all(), 'training');
      if (step.kind === 'train' && (isBlocked || share?.has(step) === false)) {
        const found = await laboratory.find(step);
        if (found === undefined) missing++;
        else trained.set(step, found);
        continue;
      }
      // What uses trainings may need those that are missing, and must be done before those that come after it.
      if (step.kind !== 'train' && missing > 0 && needsTrainings) {
        isBlocked = true;
        continue;
      }
      // There may be no model to use or to begin with.
      if ((step.kind !== 'train' || needsTrainings) && hasDiverged([...trained.values()])) break;
      if (step.kind === 'train') {
        const train = async (trainer: number) => void trained.set(step, await laboratory.perform(step, trainer));
        await waitFor(underWay.begin(train), 'training');
      } else await waitFor(laboratory.perform(step), 'using');
    }
    await waitFor(underWay.all(), 'training');
  } catch (error) {
    // What others train is saved before this ends.
    laboratory.stop(error);
    await underWay.all().catch(() => undefined);
    throw error;
  }
  return { trained, missing };
}

/** Each row of trainings that need nothing before them with the most laborious first, so that the last to end is a short one. */
async function mostLaboriousFirst(laboratory: Laboratory, steps: readonly Step[], { trainings }: Cost): Promise<Step[]> {
  const efforts = new Map(trainings.map(({ name, parameters, tokens }) => [name, parameters * tokens]));
  const ordered: Step[] = [];
  let row: { readonly step: Step; readonly effort: number }[] = [];
  const endRow = () => {
    ordered.push(...row.sort((one, other) => other.effort - one.effort).map(({ step }) => step));
    row = [];
  };
  for (const step of steps) {
    if (step.kind === 'train' && inputsOf(step).length === 0) {
      row.push({ step, effort: efforts.get(await laboratory.addresses.of(step)) ?? 0 });
    } else {
      endRow();
      ordered.push(step);
    }
  }
  endRow();
  return ordered;
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1_000;
}
