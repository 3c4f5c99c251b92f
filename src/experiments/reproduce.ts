import type { z } from 'zod';
import { replaceFile, writeTextFile } from '../checkpoint/whole-files.js';
import { DecadeError } from '../core/errors.js';
import { joinPath } from '../core/files.js';
import type { Runtime } from '../parallel/runtime.js';
import type { Configuration } from '../training/configuration.js';
import type { ExperimentBase } from './base.js';
import { experimentNamed } from './catalogue/index.js';
import { type Cost, costOf } from './cost.js';
import {
  type Experiment,
  type ExperimentOptions,
  experimentOptions,
  type Finding,
  type Plan,
  type Setting,
  type TrainedPlan,
} from './experiment.js';
import { Laboratory, type LaboratoryEvent, type LaboratoryOptions, type TrainedRun } from './laboratory.js';
import { type Account, accountMarkdown, accountPage, accountPlots } from './account.js';

export interface ReproduceRequest extends LaboratoryOptions {
  readonly experiment: string;
  readonly base: ExperimentBase;
  /** As a caller writes them: `{ seeds: 5 }`. */
  readonly options?: z.input<typeof experimentOptions>;
  /** Says what it will cost, and begins only when this does not give false. */
  readonly onCost?: (cost: Cost) => boolean | Promise<boolean>;
  /** How long the speed of each kind of network is measured for the estimate. Default: 1. */
  readonly speedSeconds?: number;
  /** How it was called, for people who want to repeat it. */
  readonly command?: string | undefined;
}

export type { LaboratoryEvent };

export interface Reproduction {
  readonly account: Account;
  /** Where the account was written. */
  readonly files: { readonly markdown: string; readonly json: string; readonly page: string; readonly plots: readonly string[] };
}

/**
 * Reruns an experiment of the paper from end to end, in a directory that experiments share: trains what is not trained yet,
 * goes on where it was interrupted, translates, and writes a table (Markdown and JSON) and a page with plots, also as files
 * of their own, beside the paper's figures. Undefined when `onCost` was against it.
 *
 * @throws DecadeError `usage` for an experiment there is not and options that are not allowed; the signal's reason when it
 *         aborts: what was done stays, and the same call goes on
 */
export async function reproduce(runtime: Runtime, request: ReproduceRequest): Promise<Reproduction | undefined> {
  const { base, onCost, command, out, signal } = request;
  const experiment = experimentNamed(request.experiment);
  const setting: Setting = { base, options: resolved(experiment, request.options) };
  const laboratory = new Laboratory(runtime, request);
  const plan = experiment.plan(setting);
  const configurations = interleaved(plan);
  const cost = await costOf(laboratory, configurations, request.speedSeconds);
  if ((await onCost?.(cost)) === false) return undefined;
  const trained = new Map<Configuration, TrainedRun>();
  for (const configuration of configurations) {
    signal?.throwIfAborted();
    trained.set(configuration, await laboratory.train(configuration));
  }
  const runs = Object.fromEntries(
    Object.entries(plan).map(([group, members]) => [group, members.map((configuration) => trained.get(configuration) as TrainedRun)]),
  ) as TrainedPlan<string>;
  const test = await laboratory.sentences(base.test, 'test');
  if (test.sources.length === 0) throw new DecadeError('input', { where: 'test set', received: 'no sentence', allowed: 'at least one' });
  const finding = await experiment.measure({ ...setting, runs, laboratory, test });
  signal?.throwIfAborted();
  const account = accountOf(request.experiment, experiment, setting, [...trained.values()], finding, test.sources.length, command);
  const plots = accountPlots(account);
  const files = {
    markdown: joinPath(out, `${request.experiment}.md`),
    json: joinPath(out, `${request.experiment}.json`),
    page: joinPath(out, `${request.experiment}.html`),
    plots: plots.map(({ file }) => joinPath(out, file)),
  };
  await runtime.files.makeDirectory(out);
  const write = (name: string, text: string) => replaceFile(runtime.files, out, name, (path) => writeTextFile(runtime.files, path, text));
  await write(`${request.experiment}.md`, accountMarkdown(account, plots));
  const { plots: _, widePlots: __, ...data } = account;
  await write(`${request.experiment}.json`, `${JSON.stringify(data, undefined, 2)}\n`);
  await write(`${request.experiment}.html`, await accountPage(account));
  for (const { file, svg } of plots) await write(file, svg);
  return { account, files };
}

function resolved({ seeds }: Experiment, options: z.input<typeof experimentOptions> = {}): ExperimentOptions {
  const parsed = experimentOptions.safeParse(options);
  if (parsed.success) return { ...parsed.data, seeds: parsed.data.seeds ?? seeds };
  const [issue] = parsed.error.issues;
  throw new DecadeError('usage', {
    where: `reproduce, ${issue?.path.join('.') ?? 'options'}`,
    received: issue?.message ?? 'options that are not allowed',
  });
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
  runs: readonly TrainedRun[],
  finding: Finding,
  testSentences: number,
  command: string | undefined,
): Account {
  return {
    experiment: name,
    title,
    where,
    claim,
    data: base.description,
    testSentences,
    options,
    command,
    runs: runs.map(({ configuration: _, ...run }) => run),
    trainingSeconds: runs.reduce((sum, { seconds }) => sum + seconds, 0),
    ...finding,
  };
}
