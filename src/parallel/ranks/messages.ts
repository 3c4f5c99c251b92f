import type { ModelOptions } from '../../models/create.js';
import type { VocabularySizes } from '../../models/model.js';
import type { Precision } from '../../tensor/matrix.js';
import type { UpdateResult } from '../../training/executor.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import type { DividedUpdate, EvaluatedShard } from '../data/devices.js';
import type { SharedModel } from '../decoding/messages.js';
import type { MeasurementReply, ProfileMessage, ReplayMessage } from '../device-measurement.js';
import type { CommonReply } from '../group/remote-device.js';
import type { PackedPairs } from '../messages.js';

/** What must be the same on all ranks, in words that name it, and what each has. */
export interface RankClaims {
  readonly host: string;
  /** Devices that it lends unless it is told how many. */
  readonly devices: number;
  readonly same: { readonly [what: string]: string };
}

/** Which values: of what is trained, or the parameters of the decoding model with this number. */
export type ValuesOf = 'parameters' | 'optimizerState' | number;

/** What rank 0 asks of another. */
export type RankRequest =
  | { readonly kind: 'introduce' }
  | {
      readonly kind: 'start';
      readonly model: ModelOptions;
      readonly vocabularies: VocabularySizes;
      readonly rule: UpdateRule;
      readonly gemm: string;
      readonly precision: Precision;
      /** Devices of each rank. */
      readonly devices: readonly number[];
      readonly communication: Precision;
      readonly instrument: 'record' | 'profile' | undefined;
    }
  /** Devices that decode, each on a channel of its own: from 1. Their models are given room, and then set. */
  | {
      readonly kind: 'decode';
      readonly models: readonly Omit<SharedModel, 'memory' | 'parameters'>[];
      readonly gemm: string;
      readonly devices: number;
    }
  /** Work that a command has divided, which its ranks know how to do. */
  | { readonly kind: 'task'; readonly task: unknown }
  /** Ends the task that is under way, which keeps what it can. Has no reply of its own. */
  | { readonly kind: 'interrupt' }
  | ({ readonly kind: 'update' } & DividedUpdate)
  | { readonly kind: 'evaluate'; readonly shards: readonly PackedPairs[] }
  | { readonly kind: 'set'; readonly of: ValuesOf; readonly name: string; readonly start: number; readonly values: Float32Array }
  | { readonly kind: 'get'; readonly of: ValuesOf; readonly name: string; readonly start: number; readonly end: number }
  | ReplayMessage
  | ProfileMessage
  | { readonly kind: 'stop' }
  | { readonly kind: 'leave' };

export type RankReply =
  | { readonly kind: 'introduced'; readonly claims: RankClaims }
  | { readonly kind: 'started'; readonly gemm: string; readonly precision: Precision; readonly kernels: string }
  | { readonly kind: 'did'; readonly result: unknown }
  | Extract<CommonReply, { kind: 'refused' }>
  | { readonly kind: 'updated'; readonly results: readonly UpdateResult[] }
  | { readonly kind: 'evaluated'; readonly shards: readonly EvaluatedShard[] }
  | { readonly kind: 'values'; readonly values: Float32Array }
  | MeasurementReply
  | { readonly kind: 'done' };
