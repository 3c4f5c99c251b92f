import * as z from 'zod';
import { readTrainingRecord } from '../analysis/examination/training-record.js';
import { train } from '../parallel/train.js';
import { removeCheckpoints, removeRun } from '../checkpoint/run-files.js';
import { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import type { Runtime } from '../parallel/runtime.js';
import type { Configuration } from '../training/configuration.js';
import type { BestValidation } from '../training/events.js';
import type { Kept } from './kept.js';
import type { LaboratoryOptions } from './laboratory-options.js';
import type { NamedRun, TrainedRun } from './steps.js';

/** The stored result of a training. */
const result = z.object({
  /** Null in JSON if it is infinite. */
  perplexity: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.POSITIVE_INFINITY),
  parameters: z.number(),
  steps: z.number(),
  epochs: z.number(),
  seconds: z.number(),
  wordsPerSecond: z.number(),
  diverged: z.string().optional(),
});

const resultFile = 'result.json';

/** What a training is made of, with the paths of its inputs. */
export interface TrainingInputs {
  readonly configuration: Configuration;
  readonly init: NamedRun | undefined;
}

/** Trainings by the names of their runs, each in a directory with `result.json` when it is done. */
export class Trainings {
  readonly #runtime: Runtime;
  readonly #options: LaboratoryOptions;
  readonly #kept: Kept;

  constructor(runtime: Runtime, options: LaboratoryOptions, kept: Kept) {
    this.#runtime = runtime;
    this.#options = options;
    this.#kept = kept;
  }

  /** Whether a training was started and is not done. */
  async isBegun(name: string): Promise<boolean> {
    const names = await this.#kept.files.list(this.#path(name));
    // After an unreadable result there are no checkpoints to continue from.
    return names.includes('config.yaml') && !names.includes(resultFile);
  }

  /** The result of a training; undefined if it is not done. */
  async find(name: string, inputs: TrainingInputs): Promise<TrainedRun | undefined> {
    const path = this.#path(name);
    const found = await this.#kept.read(joinPath(path, resultFile), result);
    return found === undefined ? undefined : { ...found, name, path, ...inputs };
  }

  /** Trains, or continues an interrupted training; returns at once if it is done. Throws the signal's reason. */
  async train(name: string, inputs: TrainingInputs): Promise<TrainedRun> {
    const found = await this.find(name, inputs);
    const run = found ?? (await this.#trainAlone(name, inputs));
    this.#options.onEvent?.({ kind: 'trained', run, skipped: run === found });
    return run;
  }

  async #trainAlone(name: string, inputs: TrainingInputs): Promise<TrainedRun> {
    const warn = (message: string) => this.#options.onEvent?.({ kind: 'training', run: name, event: { kind: 'warning', message } });
    const lock = await RunLock.take(this.#kept.files, this.#path(name), warn);
    try {
      // Another process may have finished the training meanwhile.
      return (await this.find(name, inputs)) ?? (await this.#trainLocked(name, inputs, lock));
    } finally {
      await lock.release();
    }
  }

  async #trainLocked(name: string, inputs: TrainingInputs, lock: RunLock): Promise<TrainedRun> {
    const { configuration, init } = inputs;
    const { devices, gemm, signal, onEvent } = this.#options;
    const { files } = this.#kept;
    const path = this.#path(name);
    const isBegun = await this.isBegun(name);
    if (!isBegun && (await files.kind(path)) === 'directory') {
      await lock.leave();
      await removeRun(files, path);
      await files.remove(joinPath(path, resultFile));
    }
    let [tokens, seconds] = [0, 0];
    const reachedBy = { parameters: 0, steps: 0, epochs: 0 };
    const training = train(this.#runtime, configuration, {
      out: path,
      resume: isBegun,
      init: init?.path,
      amongOthers: true,
      allowDifferentPlacement: true,
      cache: this.#kept.path('corpora'),
      lock,
      devices,
      gemm,
      signal,
      onEvent: (event) => {
        if (event.kind === 'model') reachedBy.parameters = event.parameters;
        if (event.kind === 'update') Object.assign(reachedBy, { steps: event.steps, epochs: event.epochs });
        if (event.kind === 'report') {
          tokens += event.report.wordsPerSecond * event.report.seconds;
          seconds += event.report.seconds;
        }
        onEvent?.({ kind: 'training', run: name, event });
      },
    });
    const wordsPerSecond = () => (seconds === 0 ? 0 : tokens / seconds);
    const reached = await training.then(
      async ({ best, parameters, steps, epochs, seconds }) => ({
        perplexity: await perplexityOf(files, path, best),
        parameters,
        steps,
        epochs,
        seconds,
      }),
      (error: unknown) => {
        // It would diverge again, so the divergence is its result.
        if (!(error instanceof DecadeError && error.kind === 'numeric')) throw error;
        return { ...reachedBy, perplexity: Number.POSITIVE_INFINITY, seconds, diverged: `${error.parts.where}: ${error.parts.received}` };
      },
    );
    signal?.throwIfAborted();
    await this.#kept.write(path, resultFile, { ...reached, wordsPerSecond: wordsPerSecond() });
    // A finished training is not resumed, and checkpoints of many trainings fill a disk.
    await removeCheckpoints(files, path);
    return { ...reached, wordsPerSecond: wordsPerSecond(), name, path, ...inputs };
  }

  #path(name: string): string {
    return this.#kept.path('runs', name);
  }
}

/** Dev perplexity of the validation that was the best, by whatever metric. */
async function perplexityOf(files: Files, path: string, best: BestValidation | undefined): Promise<number> {
  if (best?.metric === 'perplexity') return best.value;
  const { validations } = await readTrainingRecord(files, joinPath(path, 'metrics.jsonl'));
  return validations.findLast(({ steps }) => steps === best?.step)?.perplexity ?? Number.POSITIVE_INFINITY;
}
