import { DecadeError } from '../../core/errors.js';
import type { IdPair } from '../../data/batch.js';
import type { DecodingExecutor } from '../../decoding/executor.js';
import type { ModelOptions } from '../../models/create.js';
import type { Model } from '../../models/model.js';
import { Gradients } from '../../nn/parameters.js';
import type { Precision } from '../../tensor/matrix.js';
import { type Memory, mebibytes } from '../../tensor/memory.js';
import { PlacedValues } from '../../tensor/named-values.js';
import type { EvaluationResult, Executor, UpdateResult, UpdateSettings } from '../../training/executor.js';
import { Optimizer } from '../../training/optimizer.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { updateCount } from '../../training/update.js';
import { divide } from './divide.js';
import { DecodingDevices } from '../decoding/devices.js';
import { type DecodingReply, type DecodingRequest, sharedModel } from '../decoding/messages.js';
import { type DeviceReply, type DeviceRequest, packPairs } from '../messages.js';
import { Meeting, meetingPlace } from '../group/threads.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { Memories } from '../memories.js';
import type { Runtime } from '../runtime.js';
import { startAll, ThreadedExecutor } from '../threaded-executor.js';

type Thread = RemoteDevice<DeviceRequest | DecodingRequest, DeviceReply | DecodingReply>;

/** Room in which a device can compute at all: the arena of the smallest step takes 2 MiB, and as much again while it grows. */
const leastStepBytes = 4 * 1024 ** 2;

export interface DataExecutorOptions {
  readonly runtime: Runtime;
  /** The caller's to release, when the executor is disposed. */
  readonly memories: Memories;
  /** Its parameters are declared: the executor gives them room. */
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
export class DataExecutor extends ThreadedExecutor {
  readonly #options: DataExecutorOptions;
  readonly #threads: readonly Thread[];
  readonly #optimizer: Optimizer;

  static async start(options: DataExecutorOptions): Promise<DataExecutor> {
    const { runtime, memories, model, modelOptions, rule, devices, gemm, precision, instrument } = options;
    const memory = memories.withRoom(4 * model.parameters.count);
    model.parameters.allocate(memory);
    const optimizer = new Optimizer(rule.optimizer, model.parameters, memory);
    requireRoom(memory, model, devices);
    const block = meetingPlace(devices);
    const meeting = new Meeting(block, devices);
    const threads = Array.from(
      { length: devices },
      (_, device): Thread => new RemoteDevice(runtime.startThread(), device, () => meeting.break()),
    );
    const replies = await startAll(threads, (thread, device) =>
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
        meeting: block,
        device,
        devices,
        instrument,
      }),
    );
    const gradients = replies.map((reply) => reply.gradients);
    await startAll(threads, (thread) => thread.ask('ready', { kind: 'peers', gradients }));
    const [first] = replies;
    if (first === undefined) throw new DecadeError('usage', { where: 'devices', received: '0', allowed: '1 or more' });
    const placement = { strategy: 'data', devices, gemm: first.gemm, precision: first.precision, kernels: first.kernels };
    return new DataExecutor(options, threads, optimizer, placement);
  }

  private constructor(options: DataExecutorOptions, threads: readonly Thread[], optimizer: Optimizer, placement: Executor['placement']) {
    super(threads, placement, { parameters: PlacedValues.of(options.model.parameters), optimizerState: optimizer.placed });
    this.#options = options;
    this.#threads = threads;
    this.#optimizer = optimizer;
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
    const { model, modelOptions, gemm } = this.#options;
    return DecodingDevices.begin(this.#threads, { members: [sharedModel(model, modelOptions, undefined)], gemm });
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    this.#optimizer.dispose();
    this.#options.model.parameters.dispose();
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
