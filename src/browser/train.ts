import { DecadeError } from '../core/errors.js';
import type { ConfigurationInput } from '../training/configuration.js';
import type { TrainingEvent } from '../training/events.js';
import type { InitPart } from '../training/request.js';
import { dividedOptions } from './engine.js';
import { type Examples, type GeneratedExamples, writtenExamples } from './examples.js';
import { pageThreads } from './threads.js';
import { requireRun, type TrainedRun } from './trained-run.js';
import { askTrainer } from './trainer.js';

/** A configuration as under Node, with the examples themselves in the place of files. */
export interface TrainingInput extends Omit<ConfigurationInput, 'version' | 'data'> {
  readonly data: Omit<ConfigurationInput['data'], 'train' | 'dev'> & {
    readonly train: Examples | GeneratedExamples;
    /** Held-out examples, to validate with. */
    readonly dev?: Examples | GeneratedExamples | undefined;
  };
}

export interface TrainOptions {
  /** Pauses: finishes the current update, saves a checkpoint and ends. `resume` goes on from there. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
  /** A training that was paused, or is to go on for longer. */
  readonly resume?: Pick<TrainedRun, 'files'> | undefined;
  /** A run to begin with: its parameters and its vocabulary. Its optimizer's state and its number of updates are not taken. */
  readonly init?: Pick<TrainedRun, 'files'> | undefined;
  /** The part of a translator that begins with a language model: the encoder of a Transformer, or what predicts. Default: `decoder`. */
  readonly initInto?: InitPart | undefined;
  /** Told of the run at each checkpoint, to `load` it while the training goes on. */
  readonly onCheckpoint?: ((run: Pick<TrainedRun, 'files'>) => void) | undefined;
  /** Threads to compute on, where the page is cross-origin isolated. Default: one per core, or as many as `resume` had. */
  readonly threads?: number | undefined;
}

/**
 * Trains a model in a worker of the page, and ends the worker. Everything is as under Node, except that the run is in memory.
 *
 * @example
 * const run = await train(
 *   { data: { train: [['one', 'un'], ['two', 'deux']] }, tokenizer: { kind: 'character' }, training: { stop: { epochs: 20 } } },
 *   { onEvent: (event) => { if (event.kind === 'update') console.log(event.loss); } },
 * );
 * await using model = await load(run);
 *
 * @throws DecadeError `usage` for a wrong configuration or wrong options, `input` for unusable examples, `numeric` for a loss that is no
 *                     longer finite, `resource` for a worker that fails
 */
export async function train(configuration: TrainingInput, options: TrainOptions = {}): Promise<TrainedRun> {
  const { signal, told, listeners, options: given } = dividedOptions('train options', options);
  const { resume, init, initInto, threads: wanted, ...unknown } = given as TrainOptions;
  const [stray] = Object.keys(unknown);
  if (stray !== undefined) {
    throw new DecadeError('usage', {
      where: 'train options',
      received: `unknown option "${stray}"`,
      allowed: 'signal, onEvent, onCheckpoint, resume, init, initInto, threads',
    });
  }
  const { warnings, threads } = pageThreads(wanted);
  const written = writtenExamples(configuration);
  for (const { message } of wanted === undefined ? [] : warnings) options.onEvent?.({ kind: 'warning', message });
  const files = resume === undefined ? undefined : requireRun('train options.resume', resume);
  const begun = init === undefined ? undefined : requireRun('train options.init', init);
  const request = { kind: 'train', ...written, options: { initInto }, listeners, threads: wanted && threads, files, init: begun } as const;
  return askTrainer<TrainedRun>(request, { stop: signal, listeners: told });
}
