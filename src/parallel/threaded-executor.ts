import type { IdPair } from '../data/batch.js';
import type { DecodingExecutor } from '../decoding/executor.js';
import {
  type EvaluationResult,
  type Executor,
  type GivenValues,
  type LearntValues,
  type PlacedLearntValues,
  setValues,
  type UpdateResult,
  type UpdateSettings,
} from '../training/executor.js';
import { type MeasurementReply, type ProfileMessage, type ReplayMessage, together } from './device-measurement.js';

/** A `RemoteDevice` that trains, in whatever way. */
export interface TrainingThread {
  ask(kind: MeasurementReply['kind'], request: ReplayMessage | ProfileMessage): Promise<MeasurementReply>;
  terminate(): Promise<void>;
}

/** What executors on several threads have in common, however they divide the work. Their memories are the caller's to release. */
export abstract class ThreadedExecutor implements Executor {
  readonly placement: Executor['placement'];
  readonly description?: readonly string[];
  readonly #threads: readonly TrainingThread[];
  readonly #values: PlacedLearntValues;

  protected constructor(threads: readonly TrainingThread[], placement: Executor['placement'], values: PlacedLearntValues) {
    this.#threads = threads;
    this.placement = placement;
    this.#values = values;
  }

  abstract update(microBatches: readonly (readonly IdPair[])[], settings: UpdateSettings): Promise<UpdateResult>;
  abstract evaluate(pairs: readonly IdPair[], logProbabilities?: Float64Array): Promise<EvaluationResult>;
  abstract decoding(): Promise<DecodingExecutor>;

  async collect(): Promise<LearntValues> {
    return this.#values;
  }

  distribute(values: GivenValues): Promise<void> {
    return setValues(this.#values, values);
  }

  /** Runs the matrix products of the first update alone, on all devices at once. Needs `instrument: record`. */
  async replay(products: ReplayMessage['products']): Promise<{ operations: number; milliseconds: number }> {
    return together(await Promise.all(this.#threads.map((thread) => thread.ask('replayed', { kind: 'replay', products }))));
  }

  /** Milliseconds by kernel since the last call, by device. Needs `instrument: profile`. */
  async profile(): Promise<Map<string, number>[]> {
    const replies = await Promise.all(this.#threads.map((thread) => thread.ask('profiled', { kind: 'profile' })));
    return replies.map((reply) => new Map(reply.kind === 'profiled' ? reply.milliseconds : []));
  }

  async dispose(): Promise<void> {
    await endAll(this.#threads);
  }
}

/** The replies of all threads to the first request; where one fails, all are ended. */
export async function startAll<Thread extends Pick<TrainingThread, 'terminate'>, Reply>(
  threads: readonly Thread[],
  start: (thread: Thread, device: number) => Promise<Reply>,
): Promise<Reply[]> {
  try {
    return await Promise.all(threads.map(start));
  } catch (error) {
    await endAll(threads);
    throw error;
  }
}

async function endAll(threads: readonly Pick<TrainingThread, 'terminate'>[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread.terminate()));
}
