import * as z from 'zod';
import { whyNoLaw } from '../../analysis/scaling/law.js';
import { DecadeError } from '../../core/errors.js';
import { resolveOptions } from '../../core/options.js';
import type { Runtime } from '../../parallel/runtime.js';
import { type CarryOutOptions, carryOut, costAhead, type Reproduction, type Waiting } from '../carry-out.js';
import type { Cost } from '../cost.js';
import type { Experiment, Study } from '../experiment.js';
import { Laboratory } from '../laboratory.js';
import { hoffmann, scalingFinding } from './finding.js';
import { measureRuns } from './measure.js';
import { readScalingPlan, type ScalingPlan, type ScalingPlanInput } from './plan.js';
import { runsOf, type ScalingRun, type ScalingRuns } from './runs.js';
import { type Shard, shardOptions, shareOf } from './shard.js';

export interface ScalingOptions extends CarryOutOptions {
  /** Overrides of the plan, `key.path=value` each. */
  readonly set?: readonly string[] | undefined;
  /** Trains one share of several, which other processes with the same `out` share. */
  readonly shard?: Shard | undefined;
}

const scaleOptions = z.strictObject({
  out: z.string().min(1),
  set: z.array(z.string()).readonly().optional(),
  shard: shardOptions.optional(),
  devices: z.int().min(1).max(256).optional(),
  gemm: z.string().min(1).optional(),
  speedSeconds: z.number().positive().max(3_600).optional(),
  command: z.string().optional(),
  signal: z.unknown().optional(),
  onEvent: z.unknown().optional(),
});

/**
 * Trains the runs of a plan, in a directory that runs share: all but the largest, then writes down what they predict of the largest,
 * then these. Writes the fitted laws as a table (Markdown and JSON), a page, and each plot as a file.
 *
 * @param plan  a file, or the same as an object
 * @returns     `Waiting` where trainings of other shares are not done
 * @throws DecadeError `usage` for mistakes of the plan, each with its line; the signal's reason when it aborts: results so far are
 *         kept, and the same call continues
 */
export async function scale(runtime: Runtime, plan: string | ScalingPlanInput, options: ScalingOptions): Promise<Reproduction | Waiting> {
  const { name, experiment, study, runs, written } = await prepared(runtime, plan, options);
  return ofPlan(written, runs, () => carryOut(name, experiment, study, options, options.shard && shareOf(options.shard, runs)));
}

/** Predicts the cost of `scale`; trains nothing and writes nothing. */
export async function scaleCost(runtime: Runtime, plan: string | ScalingPlanInput, options: ScalingOptions): Promise<Cost> {
  const { experiment, study, runs, written } = await prepared(runtime, plan, options);
  return ofPlan(written, runs, () => costAhead(experiment, study, options.speedSeconds));
}

/** Names more examples than the corpus has by their place in the plan. */
async function ofPlan<Result>(plan: ScalingPlan, { known, predicted }: ScalingRuns, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DecadeError) || error.parts.where !== 'data.examples') throw error;
    const examples = [...known, ...predicted]
      .map((run) => run.examples)
      .find((one) => one.toLocaleString('en-US') === error.parts.received);
    throw new DecadeError(error.kind, { ...error.parts, where: plan.placeOfExamples(examples ?? 0), cause: error });
  }
}

async function prepared(runtime: Runtime, written: string | ScalingPlanInput, options: ScalingOptions) {
  resolveOptions(scaleOptions, options as z.input<typeof scaleOptions>, 'scale options');
  const plan = await readScalingPlan(runtime.files, written, options.set);
  const runs = runsOf(plan);
  const [first] = [...runs.known, ...runs.predicted];
  if (first === undefined) throw new DecadeError('usage', { where: plan.name, received: 'no run', allowed: 'at least one' });
  requireLaws(plan, runs);
  const study: Study<Record<string, never>> = {
    base: { description: plan.name, configuration: first.training.configuration, test: first.training.configuration.data.train },
    options: {},
    test: { name: 'test', sources: [], references: [] },
    laboratory: new Laboratory(runtime, options),
  };
  return { name: nameOfFiles(plan), experiment: experimentOf(plan, runs), study, runs, written: plan };
}

/** @throws DecadeError `usage` where so many runs are to be predicted that no law is left to predict them by */
function requireLaws({ name, predict }: ScalingPlan, { known, predicted }: ScalingRuns): void {
  for (const network of new Set(predicted.map((run) => run.network))) {
    const points = (runs: readonly ScalingRun[]) =>
      runs.flatMap((run) =>
        run.network === network && run.epochs === 1
          ? [{ name: run.network, parameters: run.parameters, tokens: run.examples, loss: 1 }]
          : [],
      );
    const reason = whyNoLaw(points(known));
    if (reason === undefined || whyNoLaw(points([...known, ...predicted])) !== undefined) continue;
    throw new DecadeError('usage', {
      where: `${name}: predict`,
      received: `${predict}, which leaves too few runs of ${network} for a law (${reason})`,
      allowed: 'a smaller number, or more runs',
      next: 'set predict: 0 to predict nothing',
    });
  }
}

function experimentOf(plan: ScalingPlan, runs: ScalingRuns): Experiment<Record<string, never>> {
  return {
    title: `Laws of scale: ${nameOfFiles(plan)}`,
    source: hoffmann,
    task: '',
    options: {},
    judgesItself: true,
    async *stages({ laboratory }) {
      return scalingFinding(yield* measureRuns(laboratory, runs));
    },
  };
}

/** `text` of `plans/text.yaml`: plans that share a directory have files of their own. */
function nameOfFiles({ name }: ScalingPlan): string {
  const file = name.slice(1 + Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')));
  return file.replace(/\.ya?ml$/i, '');
}
