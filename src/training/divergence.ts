import { DecadeError } from '../core/errors.js';
import { shellWord } from '../core/shell.js';
import type { Configuration } from './configuration.js';

/** An update whose loss or gradient is not finite, and the state of the run. */
export interface Divergence {
  readonly update: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** The run, its last checkpoint, and whether it has a model for `--init`. */
  readonly path: string;
  readonly checkpoint: number | undefined;
  readonly hasModel: boolean;
  /** The run that this one was begun from, if any. */
  readonly init: string | undefined;
  /** The change that halves the model's initial values; see `ModelSummary`. */
  readonly calmerStart: string | undefined;
}

/** The error for a loss that is not finite, with suggested changes. */
export function divergenceError(divergence: Divergence, configuration: Configuration): DecadeError {
  const { update, loss, gradientNorm, learningRate, path, checkpoint, hasModel } = divergence;
  const standing =
    hasModel && checkpoint !== undefined
      ? `checkpoint ${checkpoint} and the model are intact; start a new run with --init ${shellWord(path)} and `
      : 'nothing was learnt that could be kept; start again with another --out and ';
  return new DecadeError('numeric', {
    where: `update ${update}`,
    received: `a loss of ${loss} per word, gradient norm ${gradientNorm}, learning rate ${learningRate}`,
    allowed: 'finite numbers',
    next: standing + changes(divergence, configuration).join(' or '),
  });
}

/** Changes that may help, as arguments of `--set`. */
function changes({ update, learningRate, init, calmerStart }: Divergence, { training }: Configuration): string[] {
  const precise = training.precision === 'f32' ? [] : ['--set training.precision=f32'];
  // No rate has been used yet: the numbers that it began with are too large.
  if (update === 1) {
    if (init !== undefined) return [`another run than ${shellWord(init)} for --init`, ...precise];
    return [calmerStart === undefined ? 'another training.seed' : `--set ${calmerStart}`, ...precise];
  }
  const { clip, schedule } = training;
  const clipping = clip.kind === 'none' ? '--set training.clip.kind=norm' : `--set training.clip.max=${rounded(clip.max / 2)}`;
  const hasWarmup = 'warmup' in schedule && schedule.warmup !== undefined;
  return [
    `--set training.optimizer.learningRate=${rounded(Math.min(learningRate, training.optimizer.learningRate) / 4)}`,
    clipping,
    ...(hasWarmup ? ['a longer training.schedule.warmup'] : []),
    ...precise,
  ];
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(2)));
}
