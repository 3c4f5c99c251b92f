import type { Hypothesis } from '../../decoding/search-rows.js';
import { ensembleModel } from '../../decoding/ensemble.js';
import type { BatchDecoder, DecodingControl, DecodingExecutor } from '../../decoding/executor.js';
import type { TargetScore, ScoringPair } from '../../decoding/score-batch.js';
import type { SearchOptions, SearchProgress, SearchSentence } from '../../decoding/search.js';
import { createModel } from '../../models/create.js';
import type { DecodingMemory } from '../../models/model.js';
import { type DecodingReply, type DecodingRequest, type SharedModel, unpackHypotheses, unpackScores } from './messages.js';
import { packPairs } from '../messages.js';

/** A `RemoteDevice` that decodes, whatever else it does. */
export interface DecodingThread {
  ask(kind: DecodingReply['kind'], request: DecodingRequest, onProgress?: (progress: SearchProgress) => void): Promise<DecodingReply>;
  tell(request: DecodingRequest): void;
}

export interface DecodingDevicesOptions {
  /** Several vote. */
  readonly members: readonly SharedModel[];
  readonly gemm?: string | undefined;
  /** Threads of other processes that have begun with the same models. */
  readonly begun?: readonly DecodingThread[] | undefined;
  /** Called when the threads have ended with the models. */
  readonly release?: (() => Promise<void>) | undefined;
}

/** Searches and scores on threads that share one copy of the parameters, a batch each at a time. The threads are their owner's to end. */
export class DecodingDevices implements BatchDecoder, DecodingExecutor {
  readonly memory: DecodingMemory;
  readonly #threads: readonly DecodingThread[];
  readonly #release: DecodingDevicesOptions['release'];
  readonly #idle: DecodingThread[];
  /** Who waits for a thread, in order. */
  readonly #waiting: ((thread: DecodingThread) => void)[] = [];

  static async begin(
    threads: readonly DecodingThread[],
    { members, gemm, begun = [], release }: DecodingDevicesOptions,
  ): Promise<DecodingDevices> {
    const message = { kind: 'begin-decoding', gemm, members } as const;
    await Promise.all(threads.map((thread) => thread.ask('decoding', message)));
    const models = members.map(({ options, vocabularies }) => createModel(options, vocabularies));
    return new DecodingDevices([...threads, ...begun], ensembleModel(models).decodingMemory, release);
  }

  private constructor(threads: readonly DecodingThread[], memory: DecodingMemory, release: DecodingDevicesOptions['release']) {
    this.#release = release;
    this.memory = memory;
    this.#threads = threads;
    this.#idle = [...threads];
  }

  get devices(): number {
    return this.#threads.length;
  }

  async decoderFor(): Promise<BatchDecoder> {
    return this;
  }

  search(
    sentences: readonly SearchSentence[],
    options: SearchOptions,
    { signal, onProgress }: DecodingControl = {},
  ): Promise<Hypothesis[][]> {
    const packed = packPairs(sentences.map(({ source, prefix = [], line = -1 }) => ({ source, target: prefix, key: line })));
    const { beam, beamWidth, stopping, nbest, sample, lengthPenalty, maximumLength, minimumLength } = options;
    const { forbidRepeats, forbidUnknown, attention, continuation, diversity } = options;
    const isConstrained = sentences.some(({ phrases }) => phrases !== undefined);
    const chosen = {
      beam,
      beamWidth,
      stopping,
      nbest,
      sample,
      lengthPenalty,
      maximumLength,
      minimumLength,
      forbidRepeats,
      forbidUnknown,
      attention,
      continuation,
      diversity,
      ...(isConstrained && { surfaces: options.surfaces }),
    };
    const request = {
      kind: 'search',
      sentences: packed,
      options: chosen,
      ...(isConstrained && { phrases: sentences.map(({ phrases }) => phrases) }),
    } as const;
    return this.#withThread(signal, async (thread) => {
      const reply = await thread.ask('searched', request, onProgress);
      return reply.kind === 'searched' ? unpackHypotheses(reply.hypotheses) : [];
    });
  }

  score(pairs: readonly ScoringPair[], { signal }: Pick<DecodingControl, 'signal'> = {}): Promise<TargetScore[]> {
    const packed = packPairs(pairs.map((pair, key) => ({ ...pair, key })));
    return this.#withThread(signal, async (thread) => {
      const reply = await thread.ask('scored', { kind: 'score', pairs: packed });
      return reply.kind === 'scored' ? unpackScores(reply.scores, reply.lengths) : [];
    });
  }

  /** The threads give back what they made of the weights, and are free for other work. */
  async dispose(): Promise<void> {
    // A thread that has died has nothing to give back.
    await Promise.allSettled(this.#threads.map((thread) => thread.ask('decoding', { kind: 'end-decoding' })));
    await this.#release?.();
  }

  async #withThread<Result>(signal: AbortSignal | undefined, work: (thread: DecodingThread) => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    const thread = this.#idle.pop() ?? (await new Promise<DecodingThread>((resolve) => this.#waiting.push(resolve)));
    const cancel = () => thread.tell({ kind: 'cancel' });
    signal?.addEventListener('abort', cancel);
    try {
      signal?.throwIfAborted();
      return await work(thread);
    } catch (error) {
      // What the thread says of being cancelled is of no interest, but the reason is.
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(thread);
      else next(thread);
    }
  }
}
