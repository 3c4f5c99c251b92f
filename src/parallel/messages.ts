import type { IdPair } from '../data/batch.js';
import type { ModelOptions } from '../models/create.js';
import type { VocabularySizes } from '../models/model.js';
import type { EvaluationResult, UpdateResult } from '../training/executor.js';
import type { UpdateRule } from '../training/optimizer-options.js';

/** What a device needs to take part in training: sent once, before anything else. */
export interface StartMessage {
  readonly kind: 'start';
  readonly memory: WebAssembly.Memory;
  readonly gemm: string | undefined;
  readonly model: ModelOptions;
  readonly vocabularies: VocabularySizes;
  readonly rule: UpdateRule;
  /** Places of parameters and optimizer values by name. */
  readonly parameters: Record<string, number>;
  readonly optimizer: Record<string, number>;
  /** Byte offset of the control block; see `controlBytes`. */
  readonly control: number;
  readonly device: number;
  readonly devices: number;
  /** Measure what devices do: record matrix products for `replay`, or time every kernel. */
  readonly instrument?: 'record' | 'profile' | undefined;
}

/** Where every device keeps its gradients: sent once all have started. */
export interface PeersMessage {
  readonly kind: 'peers';
  readonly gradients: readonly Record<string, number>[];
}

export interface UpdateMessage {
  readonly kind: 'update';
  /** This device's shard of each micro-batch. */
  readonly shards: readonly (readonly IdPair[])[];
  readonly update: number;
  readonly learningRate: number;
  readonly gradientScale: number;
}

export interface EvaluateMessage {
  readonly kind: 'evaluate';
  readonly pairs: readonly IdPair[];
}

/** Runs the matrix products of the last update alone, all devices at once (`instrument: record`). */
export interface ReplayMessage {
  readonly kind: 'replay';
}

/** Asks for the milliseconds by kernel since the last such request (`instrument: profile`). */
export interface ProfileMessage {
  readonly kind: 'profile';
}

export type DeviceRequest = StartMessage | PeersMessage | UpdateMessage | EvaluateMessage | ReplayMessage | ProfileMessage;

export type DeviceReply =
  | { readonly kind: 'started'; readonly gradients: Record<string, number>; readonly gemm: string; readonly kernels: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'updated'; readonly result: UpdateResult }
  | { readonly kind: 'evaluated'; readonly result: EvaluationResult; readonly logProbabilities: Float64Array }
  | { readonly kind: 'replayed'; readonly operations: number }
  | { readonly kind: 'profiled'; readonly milliseconds: [kernel: string, milliseconds: number][] }
  | { readonly kind: 'failed'; readonly message: string };
