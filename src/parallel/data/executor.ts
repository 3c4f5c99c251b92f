import { DecadeError } from '../../core/errors.js';
import type { IdPair } from '../../data/batch.js';
import type { DecodingExecutor } from '../../decoding/executor.js';
import type { ModelOptions } from '../../models/create.js';
import type { Model } from '../../models/model.js';
import { Gradients } from '../../nn/parameters.js';
import type { Precision } from '../../tensor/matrix.js';
import { type Block, type Memory, mebibytes } from '../../tensor/memory.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { EvaluationResult, Executor, UpdateResult, UpdateSettings } from '../../training/executor.js';
import { Optimizer } from '../../training/optimizer.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { updateCount } from '../../training/update.js';
import { divide } from './divide.js';
import { type ReplayMessage, together } from '../device-measurement.js';
import { DecodingDevices } from '../decoding/devices.js';
import { type DecodingReply, type DecodingRequest, sharedModel } from '../decoding/messages.js';
import { type DeviceReply, type DeviceRequest, packPairs } from '../messages.js';
import { Meeting, meetingBytes } from '../group/threads.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { Runtime } from '../runtime.js';

type Thread = RemoteDevice<DeviceRequest | DecodingRequest, DeviceReply | DecodingReply>;

/** Room in which a device can compute at all: the arena of the smallest step takes 2 MiB, and as much again while it grows. */
const leastStepBytes = 4 * 1024 ** 2;

export interface DataExecutorOptions {
  readonly runtime: Runtime;
  /** Shared; holds the allocated parameters. */
  readonly memory: Memory;
  readonly model: Model;
  readonly modelOptions: ModelOptions;
  readonly rule: UpdateRule;
  /** At least 1. */
  readonly devices: number;
  readonly gemm?: string | undefined;
  readonly precision?: Precision | undefined;
  readonly instrument?: 'record' | 'profile' | undefined;
}

/**
 * Data parallel: every device has the whole model (one copy, in shared memory) and a shard of each batch. Gradients are
 * summed in device order, so a run is bit-reproducible; each device sums and updates its share of the parameters.
 */
export class DataExecutor implements Executor {
  readonly placement: Executor['placement'];
  readonly #options: DataExecutorOptions;
  readonly #threads: Thread[];
  readonly #optimizer: Optimizer;
  readonly #block: Block;

  static async start(options: DataExecutorOptions): Promise<DataExecutor> {
    const { runtime, memory, model, modelOptions, rule, devices, gemm, precision, instrument } = options;
    const optimizer = new Optimizer(rule.optimizer, model.parameters, memory);
    requireRoom(memory, model, devices);
    const block = memory.allocate(meetingBytes(devices));
    memory.u8.fill(0, block.offset, block.offset + block.bytes);
    const meeting = new Meeting(memory.webAssembly, block.offset, devices);
    const threads = Array.from(
      { length: devices },
      (_, device): Thread => new RemoteDevice(runtime.startThread(), device, () => meeting.break()),
    );
    try {
      const replies = await Promise.all(
        threads.map((thread, device) =>
          thread.ask('started', {
            kind: 'start',
            memory: memory.webAssembly,
            gemm,
            precision,
            model: modelOptions,
            vocabularies: model.vocabularies,
            rule,
            parameters: model.parameters.offsets,
            optimizer: optimizer.offsets,
            meeting: block.offset,
            device,
            devices,
            instrument,
          }),
        ),
      );
      const gradients = replies.map((reply) => reply.gradients);
      await Promise.all(threads.map((thread) => thread.ask('ready', { kind: 'peers', gradients })));
      const [first] = replies;
      if (first === undefined) throw new DecadeError('usage', { where: 'devices', received: '0', allowed: '1 or more' });
      const placement = { strategy: 'data', devices, gemm: first.gemm, precision: first.precision, kernels: first.kernels };
      return new DataExecutor(options, threads, optimizer, block, placement);
    } catch (error) {
      await Promise.all(threads.map((thread) => thread.terminate()));
      throw error;
    }
  }

  private constructor(
    options: DataExecutorOptions,
    threads: Thread[],
    optimizer: Optimizer,
    block: Block,
    placement: Executor['placement'],
  ) {
    this.#options = options;
    this.#threads = threads;
    this.#optimizer = optimizer;
    this.#block = block;
    this.placement = placement;
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return new Map(Array.from(this.#options.model.parameters, ({ name, value }) => [name, value]));
  }

  get optimizerState(): ReadonlyMap<string, Tensor> {
    return this.#optimizer.state;
  }

  async update(microBatches: readonly (readonly IdPair[])[], { update, learningRate }: UpdateSettings): Promise<UpdateResult> {
    const gradientScale = 1 / updateCount(microBatches, this.#options.rule.normalise);
    const divided = microBatches.map((pairs) =>
      this.#divide(pairs).map((positions) => positions.map((position) => pairs[position] as IdPair)),
    );
    const replies = await Promise.all(
      this.#threads.map((thread, device) =>
        thread.ask('updated', {
          kind: 'update',
          shards: divided.map((shards) => packPairs(shards[device] ?? [])),
          update,
          learningRate,
          gradientScale,
        }),
      ),
    );
    const results = replies.map((reply) => reply.result);
    const [first] = results;
    const total = (key: 'loss' | 'negativeLogLikelihood' | 'sentences' | 'sourceTokens' | 'targetTokens') =>
      results.reduce((sum, result) => sum + result[key], 0);
    return {
      loss: total('loss'),
      negativeLogLikelihood: total('negativeLogLikelihood'),
      sentences: total('sentences'),
      sourceTokens: total('sourceTokens'),
      targetTokens: total('targetTokens'),
      gradientNorm: first?.gradientNorm ?? 0,
      finite: first?.finite ?? false,
    };
  }

  async evaluate(pairs: readonly IdPair[], logProbabilities?: Float64Array): Promise<EvaluationResult> {
    const divided = this.#divide(pairs);
    const replies = await Promise.all(
      this.#threads.map((thread, device) =>
        thread.ask('evaluated', {
          kind: 'evaluate',
          pairs: packPairs((divided[device] ?? []).map((position) => pairs[position] as IdPair)),
        }),
      ),
    );
    const total = { negativeLogLikelihood: 0, sentences: 0, sourceTokens: 0, targetTokens: 0 };
    for (const [device, reply] of replies.entries()) {
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += reply.result[key];
      divided[device]?.forEach((position, index) => {
        if (logProbabilities !== undefined) logProbabilities[position] = reply.logProbabilities[index] as number;
      });
    }
    return total;
  }

  decoding(): Promise<DecodingExecutor> {
    const { memory, model, modelOptions, gemm } = this.#options;
    return DecodingDevices.begin(this.#threads, { members: [sharedModel(model, modelOptions, memory)], gemm });
  }

  /** Runs the matrix products of the last update alone, on all devices at once. Needs `instrument: record`. */
  async replay(products: ReplayMessage['products']): Promise<{ operations: number; milliseconds: number }> {
    return together(await Promise.all(this.#threads.map((thread) => thread.ask('replayed', { kind: 'replay', products }))));
  }

  /** Milliseconds by kernel since the last call, by device. Needs `instrument: profile`. */
  async profile(): Promise<Map<string, number>[]> {
    const replies = await Promise.all(this.#threads.map((thread) => thread.ask('profiled', { kind: 'profile' })));
    return replies.map((reply) => new Map(reply.milliseconds));
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
    this.#optimizer.dispose();
    this.#options.memory.free(this.#block);
  }

  #divide(pairs: readonly IdPair[]): number[][] {
    return divide(pairs, this.#threads.length, this.#options.model.parameters.costs);
  }
}

/**
 * Refuses devices whose gradients do not fit into the memory, which holds parameters and optimizer already, before any is started.
 *
 * @throws DecadeError `resource`
 */
function requireRoom(memory: Memory, { parameters }: Model, devices: number): void {
  const each = Gradients.bytes(parameters) + leastStepBytes;
  const fitting = Math.floor(memory.remainingBytes / each);
  if (devices <= fitting) return;
  const smaller = 'train a smaller model, or one of smaller vocabularies';
  throw new DecadeError('resource', {
    where: 'devices',
    received: `${devices}, each with ${mebibytes(each)} of gradients and room to compute, where ${mebibytes(memory.remainingBytes)} are left`,
    allowed: fitting === 0 ? 'a model that leaves room for them' : `at most ${fitting}`,
    next:
      fitting === 0
        ? smaller
        : `use --devices ${fitting}, or training.parallel.strategy=pipeline, which has one gradient for all; or ${smaller}`,
  });
}
