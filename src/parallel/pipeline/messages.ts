import type { ModelOptions } from '../../models/create.js';
import type { VocabularySizes } from '../../models/model.js';
import type { Precision } from '../../tensor/matrix.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import type { MeasurementReply, ProfileMessage, ReplayMessage } from '../device-measurement.js';
import type { PackedPairs } from '../messages.js';
import type { MeasuredWork } from './measured-costs.js';
import type { PipelinePlan } from '../schedule/plan.js';

/** What a device of a pipeline needs: sent once, before anything else. */
export interface PipelineStart {
  readonly kind: 'pipeline';
  /** Of every device; several may share one. */
  readonly memories: readonly WebAssembly.Memory[];
  readonly gemm: string | undefined;
  readonly precision: Precision | undefined;
  readonly model: ModelOptions;
  readonly vocabularies: VocabularySizes;
  readonly rule: UpdateRule;
  readonly plan: PipelinePlan;
  /** Through which devices wait for each other; see `Completion`. */
  readonly completion: SharedArrayBuffer;
  readonly device: number;
  readonly instrument?: 'record' | 'profile' | 'time' | undefined;
}

/** Every device is sent all micro-batches: a stage sees every sentence. */
export interface PipelineUpdate {
  readonly kind: 'pipelineUpdate';
  readonly microBatches: readonly PackedPairs[];
  readonly update: number;
  readonly learningRate: number;
  readonly gradientScale: number;
}

export interface PipelineEvaluate {
  readonly kind: 'pipelineEvaluate';
  readonly pairs: PackedPairs;
}

/** Does what costs are measured by until it is enough, so that another thread's measurement has company. */
export interface KeepBusy {
  readonly kind: 'keepBusy';
  /** Whether it first answers calls. */
  readonly answers: boolean;
  /** See `busyFields`. */
  readonly fields: Int32Array;
  readonly work: MeasuredWork;
  readonly gemm: string | undefined;
  readonly precision: Precision | undefined;
}

export type PipelineRequest = KeepBusy | PipelineStart | PipelineUpdate | PipelineEvaluate | ReplayMessage | ProfileMessage;

export type PipelineReply =
  | {
      readonly kind: 'started';
      readonly gemm: string;
      readonly precision: Precision;
      readonly kernels: string;
      /** Places, in the device's memory, of what it learns (`ownParameters`) and of the optimizer's values for it. */
      readonly parameters: Record<string, number>;
      readonly optimizer: Record<string, number>;
    }
  | {
      readonly kind: 'updated';
      /** Of all devices. */
      readonly gradientNorm: number;
      readonly finite: boolean;
      /** Of the tasks that this device did. */
      readonly loss: number;
      readonly negativeLogLikelihood: number;
      /** When each task of its order began and ended, in milliseconds of its clock (`instrument: time`). */
      readonly times?: Float64Array;
    }
  | { readonly kind: 'kept' }
  | { readonly kind: 'evaluated'; readonly logProbabilities: Float64Array | undefined }
  | MeasurementReply
  | { readonly kind: 'failed'; readonly message: string };
