import type { IdPair } from '../data/batch.js';
import type { DecodingExecutor } from '../decoding/executor.js';
import type { Precision } from '../tensor/matrix.js';
import type { NamedValues, PlacedValues } from '../tensor/named-values.js';

/** What a loop decides for one update; everything else is fixed when the executor is made. */
export interface UpdateSettings {
  /** Number of this update, from 1; keys dropout and corrects Adam's averages. */
  readonly update: number;
  readonly learningRate: number;
}

export interface UpdateResult {
  /** Sum over target tokens of the (smoothed) cross entropy, in nats. */
  readonly loss: number;
  /** Sum over target tokens of -log p, in nats; equal to `loss` without label smoothing. */
  readonly negativeLogLikelihood: number;
  readonly sentences: number;
  readonly sourceTokens: number;
  /** `</s>` counted. */
  readonly targetTokens: number;
  /** Norm of the whole gradient before clipping, after division by the update's sentences or tokens. */
  readonly gradientNorm: number;
  /** False when loss or gradient is not a finite number; then nothing was updated. */
  readonly finite: boolean;
}

export interface EvaluationResult {
  readonly negativeLogLikelihood: number;
  readonly sentences: number;
  readonly sourceTokens: number;
  readonly targetTokens: number;
}

/** Everything that learning changes, by canonical name: parameters, and the optimizer's own values. */
export interface LearntValues {
  readonly parameters: NamedValues;
  readonly optimizerState: NamedValues;
}

/** Parameters to go on from; without the optimizer's values those stay as they are. */
export type GivenValues = Pick<LearntValues, 'parameters'> & Partial<LearntValues>;

/** Learnt values that lie in memories of this process. */
export interface PlacedLearntValues extends LearntValues {
  readonly parameters: PlacedValues;
  readonly optimizerState: PlacedValues;
}

/** Sets placed values to given ones. */
export async function setValues(placed: PlacedLearntValues, { parameters, optimizerState }: GivenValues): Promise<void> {
  await placed.parameters.fill(parameters);
  if (optimizerState !== undefined) await placed.optimizerState.fill(optimizerState);
}

/** The options that compute as a placement does, on any machine that can: the bits of a result depend on both. */
export function pins({ gemm, devices, ranks }: Pick<Executor['placement'], 'gemm' | 'devices' | 'ranks'>): string {
  return `--gemm ${gemm} --devices ${devices}${ranks === undefined ? '' : ` on ${ranks.length} ranks`}`;
}

/** All devices of a placement. */
export function deviceCount({ devices, ranks = [devices] }: Pick<Executor['placement'], 'devices' | 'ranks'>): number {
  return ranks.reduce((sum, count) => sum + count, 0);
}

/**
 * Computes updates: on this thread, or on many devices. The loop (data order, schedule, validation, checkpoints) sees
 * no more than this.
 */
export interface Executor {
  /**
   * One update from the sentences of one or more micro-batches: forward, backward, clipping, optimizer.
   * All micro-batches count as one batch: their losses are divided by the joint number of sentences or tokens.
   */
  update(microBatches: readonly (readonly IdPair[])[], settings: UpdateSettings): Promise<UpdateResult>;
  /** Log-likelihood of pairs, without dropout, smoothing or gradients. `logProbabilities`, when given, receives each pair's. */
  evaluate(pairs: readonly IdPair[], logProbabilities?: Float64Array): Promise<EvaluationResult>;
  /** Searches and scores with the parameters as they are, on the same devices. Must be disposed before the next update. */
  decoding(): Promise<DecodingExecutor>;
  /** What a checkpoint holds, from wherever devices keep it. To be read before the next update. */
  collect(): Promise<LearntValues>;
  /**
   * Sets the parameters on every device, and the optimizer's own values where they are given.
   *
   * @throws what `requireSame` of the values does when they are another model's
   */
  distribute(values: GivenValues): Promise<void>;
  /** What a resumed run must have again to be bit-identical. */
  readonly placement: {
    readonly strategy: string;
    /** Of this process. */
    readonly devices: number;
    /** Devices of each rank, where several processes compute together; the first is this one. */
    readonly ranks?: readonly number[] | undefined;
    /** What travels between ranks, unless it is f32. */
    readonly communication?: Precision | undefined;
    readonly gemm: string;
    readonly precision: Precision;
    readonly kernels: string;
    /** Of a pipeline: what lies on which device, and how batches go through it. */
    readonly pipeline?: unknown;
  };
  /** What computes where, in lines for people; absent where it is plain. */
  readonly description?: readonly string[];
  dispose(): Promise<void>;
}
