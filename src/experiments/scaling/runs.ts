import { modelOf } from '../../analysis/cost/estimate.js';
import type { Configuration } from '../../training/configuration.js';
import { type Train, train } from '../steps.js';
import type { ScalingPlan } from './plan.js';

/** A training of one size of a network on a part of the data. */
export interface ScalingRun {
  /** The kind of network. */
  readonly network: string;
  /** Its place among the sizes, from 1. */
  readonly size: number;
  /** With the largest vocabularies that it may have. */
  readonly parameters: number;
  /** Pairs, or contexts of text. */
  readonly examples: number;
  readonly epochs: number;
  readonly training: Train;
}

/** Runs by when they are trained: those that laws are fitted to first, and those that are predicted before they are trained. */
export interface ScalingRuns {
  readonly known: readonly ScalingRun[];
  readonly predicted: readonly ScalingRun[];
}

/** Validations of a run that repeats its data, of which the best counts: repeated often enough, data are learnt by heart. */
const mostValidations = 8;

/** How a run differs from what all of its size have in common. */
export interface RunChoice {
  readonly examples: number;
  readonly epochs: number;
  readonly seed: number;
  /** Share of the run in which the learning rate rises. */
  readonly warmup: number;
}

/**
 * The configuration of a run. Its learning rate rises and falls within its own length: a schedule that is longer than the training
 * leaves the loss too high, the more so the shorter the training (Hoffmann et al. 2022, appendix B).
 */
export function configurationOfRun(shared: Configuration, { examples, epochs, seed, warmup }: RunChoice): Configuration {
  const { checkpoint, validate } = shared.training;
  const every = { epochs: Math.ceil(epochs / mostValidations) };
  return {
    ...shared,
    data: { ...shared.data, examples },
    training: {
      ...shared.training,
      seed,
      schedule: { kind: 'cosine', over: { epochs }, ...(warmup > 0 && { warmup: { epochs: warmup * epochs } }) },
      stop: { epochs },
      validate: validate && { ...validate, every },
      checkpoint: { ...checkpoint, every, keep: 1 },
    },
  };
}

/** All runs of a plan, each once, those of least compute first. */
export function runsOf({ networks, grids, warmup, predict }: ScalingPlan): ScalingRuns {
  const runs = new Map<string, ScalingRun>();
  for (const { networks: chosen, sizes: places, examples, epochs, seeds } of grids) {
    for (const { name, sizes } of networks) {
      if (chosen?.includes(name) === false) continue;
      for (const [index, shared] of sizes.entries()) {
        if (places?.includes(index + 1) === false) continue;
        const parameters = modelOf(shared).parameters.count;
        for (const part of examples) {
          for (const passes of epochs) {
            for (let seed = 1; seed <= seeds; seed++) {
              const training = train(configurationOfRun(shared, { examples: part, epochs: passes, seed, warmup }));
              const run = { network: name, size: index + 1, parameters, examples: part, epochs: passes, training };
              runs.set(JSON.stringify([name, index, part, passes, seed]), run);
            }
          }
        }
      }
    }
  }
  return divided(
    [...runs.values()].sort((one, other) => effortOf(one) - effortOf(other)),
    predict,
  );
}

/** Keeps so many places of every network with the most compute on fresh data to be predicted. */
export function divided(runs: readonly ScalingRun[], predict: number): ScalingRuns {
  const names = new Set(runs.map(({ network }) => network));
  const held = new Set(
    [...names].flatMap((name) => {
      const fresh = runs.filter(({ network, epochs }) => network === name && epochs === 1);
      const efforts = [...new Set(fresh.map(effortOf))].sort((a, b) => b - a).slice(0, predict);
      return fresh.filter((run) => efforts.includes(effortOf(run)));
    }),
  );
  return { known: runs.filter((run) => !held.has(run)), predicted: runs.filter((run) => held.has(run)) };
}

/** Proportional to compute, as it is known before a corpus is read. */
export function effortOf({ parameters, examples, epochs }: Pick<ScalingRun, 'parameters' | 'examples' | 'epochs'>): number {
  return parameters * examples * epochs;
}

/** `transformer 2, 1,024 × 4 epochs, seed 1` */
export function nameOf({ network, size, examples, epochs, training }: ScalingRun): string {
  const repeated = epochs === 1 ? '' : ` × ${epochs} epochs`;
  return `${network} ${size}, ${examples.toLocaleString('en-US')}${repeated}, seed ${training.configuration.training.seed}`;
}
