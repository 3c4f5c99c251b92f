import * as z from 'zod';
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
import { runsOf, type ScalingRuns } from './runs.js';
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
  const { name, experiment, study, runs } = await prepared(runtime, plan, options);
  return carryOut(name, experiment, study, options, options.shard && shareOf(options.shard, runs));
}

/** Predicts the cost of `scale`; trains nothing and writes nothing. */
export async function scaleCost(runtime: Runtime, plan: string | ScalingPlanInput, options: ScalingOptions): Promise<Cost> {
  const { experiment, study } = await prepared(runtime, plan, options);
  return costAhead(experiment, study, options.speedSeconds);
}

async function prepared(runtime: Runtime, written: string | ScalingPlanInput, options: ScalingOptions) {
  resolveOptions(scaleOptions, options as z.input<typeof scaleOptions>, 'scale options');
  const plan = await readScalingPlan(runtime.files, written, options.set);
  const runs = runsOf(plan);
  const [first] = [...runs.known, ...runs.predicted];
  if (first === undefined) throw new DecadeError('usage', { where: plan.name, received: 'no run', allowed: 'at least one' });
  const study: Study<Record<string, never>> = {
    base: { description: plan.name, configuration: first.training.configuration, test: first.training.configuration.data.train },
    options: {},
    test: { name: 'test', sources: [], references: [] },
    laboratory: new Laboratory(runtime, options),
  };
  return { name: nameOfFiles(plan), experiment: experimentOf(plan, runs), study, runs };
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
