import type { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import type { ModelOptions } from '../models/create.js';
import type { Model } from '../models/model.js';
import type { ParameterStore } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import type { Precision } from '../tensor/matrix.js';
import type { TrainingEvent } from './events.js';
import type { Executor } from './executor.js';
import type { UpdateRule } from './optimizer-options.js';
import type { ParallelOptions } from './parallel-options.js';

/** A model to be trained, and the conditions. */
export interface ExecutorSetup {
  /** Its parameters are declared; the executor's maker gives them room. */
  readonly model: Model;
  readonly modelOptions: ModelOptions;
  readonly rule: UpdateRule;
  readonly parallel: ParallelOptions;
  /** As most batches are: sentences, and tokens of a sentence on each side. */
  readonly batch: { readonly sentences: number; readonly sourceTokens: number; readonly targetTokens: number };
  /** Of matrix products, as the configuration asks. */
  readonly precision: Precision;
  /** Of the run that is resumed: on the same, results are bit-identical. */
  readonly placement: Executor['placement'] | undefined;
  /** Told when the computing differs from what was asked for. */
  readonly warn: (message: string) => void;
}

/** Dependencies of the training loop. */
export interface TrainingContext {
  readonly files: Files;
  /** A device of this thread, for a model that is counted: it computes no updates. Its memory has room for the parameters. */
  openDevice(parameters: ParameterStore): Promise<Device>;
  /** Makes what computes, on the devices of the caller's choice. */
  openExecutor(setup: ExecutorSetup): Promise<Executor>;
}

/** Parts of a translator that a language model can be the beginning of. */
export const initParts = ['decoder', 'encoder'] as const;
export type InitPart = (typeof initParts)[number];

export interface TrainRequest {
  /** The run directory: a new one, or with `resume` that of the run. */
  readonly out: string;
  /** Continue from the last checkpoint. */
  readonly resume?: boolean | undefined;
  /** Begin with the parameters and tokenizers of another run. */
  readonly init?: string | undefined;
  /** The part of a translator that begins with a language model: the encoder of a Transformer, or what predicts. Default: `decoder`. */
  readonly initInto?: InitPart | undefined;
  /** Resume although the placement differs, so results are not bit-identical. */
  readonly allowDifferentPlacement?: boolean | undefined;
  /** The new run may be created in a directory with other files, if none has a name that a run uses. */
  readonly amongOthers?: boolean | undefined;
  /** The directory of tokenized corpora. Default: `cache` in the run directory. */
  readonly cache?: string | undefined;
  /** The lock of `out` from a caller that already holds and keeps it. Default: a lock for the duration of the training. */
  readonly lock?: RunLock | undefined;
  /** Finishes the current update, saves a checkpoint and ends. */
  readonly signal?: AbortSignal | undefined;
  /** Does the same so early that the checkpoint is saved before this time. */
  readonly saveBefore?: Date | undefined;
  readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
}

/** Whether an error is only the signal's reason. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && (error === signal.reason || !(error instanceof DecadeError));
}
