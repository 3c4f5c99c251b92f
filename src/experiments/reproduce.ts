import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import type { Runtime } from '../parallel/runtime.js';
import type { Configuration } from '../training/configuration.js';
import { type BaseChoice, experimentBase, experimentSizes } from './base.js';
import { experimentNamed } from './catalogue/index.js';
import { type Cost, costOf } from './cost.js';
import {
  type Experiment,
  type ExperimentOptionsInput,
  experimentOptions,
  type Finding,
  type Plan,
  type Setting,
  type Study,
  type TrainedPlan,
} from './experiment.js';
import { Laboratory, type LaboratoryEvent, type LaboratoryOptions, type TrainedRun } from './laboratory.js';
import { noVerdict, notLearnt, trainingsOnly } from './learning.js';
import type { Account, TimeTaken } from './account.js';
import { type AccountFiles, requireOwnAccount, writeAccount } from './account-files.js';

export interface ReproduceOptions extends Omit<LaboratoryOptions, 'onEvent'>, BaseChoice, ExperimentOptionsInput {
  readonly onEvent?: ((event: ReproduceEvent) => void) | undefined;
  /** How long the speed of each kind of network is measured for the estimate of the cost. Default: 1. */
  readonly speedSeconds?: number | undefined;
  /** How it was called, for people who want to repeat it. */
  readonly command?: string | undefined;
}

const reproduceOptions = z.strictObject({
  ...experimentOptions.shape,
  out: z.string().min(1),
  devices: z.int().min(1).max(256).optional(),
  gemm: z.string().min(1).optional(),
  signal: z.unknown().optional(),
  onEvent: z.unknown().optional(),
  configuration: z.unknown().optional(),
  set: z.array(z.string()).readonly().optional(),
  test: z.unknown().optional(),
  task: z.string().optional(),
  size: z.enum(experimentSizes).optional(),
  speedSeconds: z.number().positive().max(3_600).optional(),
  command: z.string().optional(),
});

/** What it will cost, before anything is trained; then what is done. */
export type ReproduceEvent = { readonly kind: 'cost'; readonly cost: Cost } | LaboratoryEvent;

export interface Reproduction {
  readonly account: Account;
  /** Where the account was written. */
  readonly files: AccountFiles;
}

/** What `reproduce` would cost; trains nothing and writes nothing. */
export async function reproductionCost(runtime: Runtime, name: string, options: ReproduceOptions): Promise<Cost> {
  const { laboratory, ...plan } = await planned(runtime, name, options);
  return costOf(laboratory, plan, options.speedSeconds);
}

/**
 * Reruns an experiment of the paper from end to end, in a directory that experiments share: trains what is not trained yet,
 * goes on where it was interrupted, translates, and writes a table (Markdown and JSON) and a page with plots, also as files
 * of their own, beside the paper's figures.
 *
 * @throws DecadeError `usage` for an experiment there is not, options that are not allowed, and somebody else's files of the same names; the signal's reason when it
 *         aborts: what was done stays, and the same call goes on
 */
export async function reproduce(runtime: Runtime, name: string, options: ReproduceOptions): Promise<Reproduction> {
  const { laboratory, ...plan } = await planned(runtime, name, options);
  const { out, command, signal, onEvent, speedSeconds } = options;
  const { experiment, setting } = plan;
  await requireOwnAccount(runtime.files, out, name);
  const cost = await costOf(laboratory, plan, speedSeconds);
  onEvent?.({ kind: 'cost', cost });
  const begun = performance.now();
  const trained = new Map<Configuration, TrainedRun>();
  for (const configuration of plan.configurations) {
    signal?.throwIfAborted();
    trained.set(configuration, await laboratory.train(configuration));
  }
  const trainedBy = performance.now();
  const runs = Object.fromEntries(
    Object.entries(plan.plan).map(([group, members]) => [group, members.map((configuration) => trained.get(configuration) as TrainedRun)]),
  ) as TrainedPlan<string>;
  const test = await laboratory.sentences(setting.base.test, 'test');
  if (test.sources.length === 0) throw new DecadeError('input', { where: 'test set', received: 'no sentence', allowed: 'at least one' });
  const { finding, unigramPerplexity } = await judged(experiment, { ...setting, runs, laboratory, test });
  signal?.throwIfAborted();
  const time = {
    training: { predicted: cost.trainingSeconds, taken: (trainedBy - begun) / 1_000 },
    using: { predicted: cost.usingSeconds, taken: (performance.now() - trainedBy) / 1_000 },
  };
  const all = [...trained.values()];
  const account = accountOf(name, experiment, setting, {
    runs: all,
    finding,
    testSentences: test.sources.length,
    command,
    time,
    unigramPerplexity,
  });
  const files = await writeAccount(runtime.files, out, account);
  return { account, files };
}

/** What was measured, with its conclusions, or with the reason why there can be none: trainings that did not learn. */
async function judged(experiment: Experiment, study: Study<string>): Promise<{ finding: Finding; unigramPerplexity: number | undefined }> {
  const runs = [...new Set(Object.values(study.runs).flat())];
  const [first] = runs;
  if (experiment.isTimed || first === undefined) return { finding: await experiment.measure(study), unigramPerplexity: undefined };
  const unigramPerplexity = await study.laboratory.unigramPerplexity(first);
  const failed = notLearnt(runs, unigramPerplexity);
  const hasDiverged = runs.some(({ diverged }) => diverged !== undefined);
  const finding = hasDiverged ? trainingsOnly(runs) : await experiment.measure(study);
  if (failed.length === 0) return { finding, unigramPerplexity };
  return { finding: { ...finding, conclusions: [noVerdict(failed, runs, unigramPerplexity)] }, unigramPerplexity };
}

/** What is to be trained, what is done with it, and where. */
async function planned(runtime: Runtime, name: string, options: ReproduceOptions) {
  const experiment: Experiment = experimentNamed(name);
  const { seeds, members, beam, nbest, baseline, timedUpdates } = resolveOptions(reproduceOptions, options, 'reproduce');
  const base = await experimentBase(runtime, experiment.task, options);
  const setting: Setting = { base, options: { seeds: seeds ?? experiment.seeds, members, beam, nbest, baseline, timedUpdates } };
  const plan = experiment.plan(setting);
  const uses = experiment.uses(setting, plan);
  return { experiment, setting, base, plan, uses, laboratory: new Laboratory(runtime, options), configurations: interleaved(plan) };
}

/** The first of each group, then the second of each: what is compared is trained side by side, in the same weather. */
function interleaved(plan: Plan<string>): Configuration[] {
  const groups = Object.values(plan);
  const most = Math.max(...groups.map((group) => group.length));
  return Array.from({ length: most }, (_, index) => groups.flatMap((group) => group[index] ?? [])).flat();
}

function accountOf(
  name: string,
  { title, where, claim }: Experiment,
  { base, options }: Setting,
  {
    runs,
    finding,
    ...measured
  }: {
    readonly runs: readonly TrainedRun[];
    readonly finding: Finding;
    readonly testSentences: number;
    readonly command: string | undefined;
    readonly time: TimeTaken;
    readonly unigramPerplexity: number | undefined;
  },
): Account {
  return {
    experiment: name,
    title,
    where,
    claim,
    data: base.description,
    options,
    ...measured,
    runs: runs.map(({ configuration: _, ...run }) => run),
    trainingSeconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
    ...finding,
  };
}
