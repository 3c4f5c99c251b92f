import { DecadeError } from '../../core/errors.js';
import { type IdPair, sizeOf } from '../../data/batch.js';
import type { DecodingExecutor } from '../../decoding/executor.js';
import type { ModelOptions } from '../../models/create.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import type { Model } from '../../models/model.js';
import { Gradients } from '../../nn/parameters.js';
import type { Precision } from '../../tensor/matrix.js';
import type { Block, Memory } from '../../tensor/memory.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { EvaluationResult, Executor, UpdateResult, UpdateSettings } from '../../training/executor.js';
import { updateCount } from '../../training/update.js';
import { Optimizer } from '../../training/optimizer.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { Completion, completionBytes } from './completion.js';
import { type ReplayMessage, together } from '../device-measurement.js';
import { DecodingDevices } from '../decoding/devices.js';
import { type DecodingReply, type DecodingRequest, sharedModel } from '../decoding/messages.js';
import { divide } from '../data/divide.js';
import { packPairs } from '../messages.js';
import { networkOf } from '../schedule/network.js';
import type { PipelineReply, PipelineRequest } from './messages.js';
import { describePlan, type PipelinePlan } from '../schedule/plan.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { Runtime } from '../runtime.js';

type Remote = RemoteDevice<PipelineRequest | DecodingRequest, PipelineReply | DecodingReply>;

export interface PipelineExecutorOptions {
  readonly runtime: Runtime;
  /** Shared; holds the allocated parameters. */
  readonly memory: Memory;
  /** Of layers that can be separated; see `Model.layered`. */
  readonly model: Model;
  readonly modelOptions: ModelOptions;
  readonly rule: UpdateRule;
  readonly plan: PipelinePlan;
  readonly gemm?: string | undefined;
  readonly precision?: Precision | undefined;
  readonly instrument?: 'record' | 'profile' | 'time' | undefined;
}

/**
 * Pipeline: every device has some layers of encoder and decoder, or a slice of the output layer, or both, and does its tasks of
 * the schedule (schedule.ts) in a fixed order. A hand-over is a number that rises and a place in the shared memory. Every
 * gradient is added to by one device, in the order of its tasks, so a run is bit-reproducible.
 */
export class PipelineExecutor implements Executor {
  readonly placement: Executor['placement'];
  readonly description: readonly string[];
  readonly #options: PipelineExecutorOptions;
  readonly #devices: readonly Remote[];
  readonly #optimizer: Optimizer;
  readonly #gradients: Gradients;
  readonly #control: Block;
  /** When each device began and ended each task of the last update (`instrument: time`). */
  times: readonly Float64Array[] = [];

  static async start(options: PipelineExecutorOptions): Promise<PipelineExecutor> {
    const { runtime, memory, model, modelOptions, rule, plan, gemm, precision, instrument } = options;
    // Refuses what cannot be separated before any thread is started.
    layersOf(model);
    const { devices } = plan.placement;
    const optimizer = new Optimizer(rule.optimizer, model.parameters, memory);
    const gradients = new Gradients(model.parameters, memory);
    const control = memory.allocate(completionBytes(devices));
    memory.u8.fill(0, control.offset, control.offset + control.bytes);
    const completion = new Completion(memory.webAssembly, control.offset, devices);
    const remotes = Array.from(
      { length: devices },
      (_, device): Remote => new RemoteDevice(runtime.startThread(), device, () => completion.break()),
    );
    try {
      const replies = await Promise.all(
        remotes.map((remote, device) =>
          remote.ask('started', {
            kind: 'pipeline',
            memory: memory.webAssembly,
            gemm,
            precision,
            model: modelOptions,
            vocabularies: model.vocabularies,
            rule,
            plan,
            parameters: model.parameters.offsets,
            gradients: gradients.offsets,
            optimizer: optimizer.offsets,
            completion: control.offset,
            device,
            instrument,
          }),
        ),
      );
      const [first] = replies;
      if (first === undefined) throw new DecadeError('usage', { where: 'devices', received: '0', allowed: '1 or more' });
      const placement = {
        strategy: 'pipeline',
        devices,
        gemm: first.gemm,
        precision: first.precision,
        kernels: first.kernels,
        pipeline: plan,
      };
      return new PipelineExecutor(options, remotes, optimizer, gradients, control, placement);
    } catch (error) {
      await Promise.all(remotes.map((remote) => remote.terminate()));
      throw error;
    }
  }

  private constructor(
    options: PipelineExecutorOptions,
    devices: readonly Remote[],
    optimizer: Optimizer,
    gradients: Gradients,
    control: Block,
    placement: Executor['placement'],
  ) {
    this.#options = options;
    this.#devices = devices;
    this.#optimizer = optimizer;
    this.#gradients = gradients;
    this.#control = control;
    this.placement = placement;
    this.description = describePlan(options.plan, networkOf(options.model, options.rule.optimizer));
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return new Map(Array.from(this.#options.model.parameters, ({ name, value }) => [name, value]));
  }

  get optimizerState(): ReadonlyMap<string, Tensor> {
    return this.#optimizer.state;
  }

  async update(batches: readonly (readonly IdPair[])[], { update, learningRate }: UpdateSettings): Promise<UpdateResult> {
    const { rule, plan, model } = this.#options;
    const gradientScale = 1 / updateCount(batches, rule.normalise);
    const parts = batches.flatMap((pairs) =>
      divide(pairs, plan.microBatches, model.parameters.costs)
        .filter((positions) => positions.length > 0)
        .map((positions) => positions.map((position) => pairs[position] as IdPair)),
    );
    const microBatches = parts.map(packPairs);
    const replies = await Promise.all(
      this.#devices.map((device) => device.ask('updated', { kind: 'pipelineUpdate', microBatches, update, learningRate, gradientScale })),
    );
    const [first] = replies;
    this.times = replies.flatMap(({ times }) => times ?? []);
    return {
      ...sizeOf(batches.flat()),
      loss: replies.reduce((sum, { loss }) => sum + loss, 0),
      negativeLogLikelihood: replies.reduce((sum, { negativeLogLikelihood }) => sum + negativeLogLikelihood, 0),
      gradientNorm: first?.gradientNorm ?? 0,
      finite: first?.finite ?? false,
    };
  }

  async evaluate(pairs: readonly IdPair[], logProbabilities?: Float64Array): Promise<EvaluationResult> {
    if (pairs.length === 0) return { negativeLogLikelihood: 0, ...sizeOf(pairs) };
    const packed = packPairs(pairs);
    const replies = await Promise.all(this.#devices.map((device) => device.ask('evaluated', { kind: 'pipelineEvaluate', pairs: packed })));
    const values = replies.find((reply) => reply.logProbabilities !== undefined)?.logProbabilities ?? new Float64Array();
    logProbabilities?.set(values);
    return { negativeLogLikelihood: -values.reduce((sum, value) => sum + value, 0), ...sizeOf(pairs) };
  }

  decoding(): Promise<DecodingExecutor> {
    const { memory, model, modelOptions, gemm } = this.#options;
    return DecodingDevices.begin(this.#devices, { members: [sharedModel(model, modelOptions, memory)], gemm });
  }

  /** Runs the matrix products of the last update alone, on all devices at once. Needs `instrument: record`. */
  async replay(products: ReplayMessage['products']): Promise<{ operations: number; milliseconds: number }> {
    return together(await Promise.all(this.#devices.map((device) => device.ask('replayed', { kind: 'replay', products }))));
  }

  /** Milliseconds by kernel since the last call, by device. Needs `instrument: profile`. */
  async profile(): Promise<Map<string, number>[]> {
    const replies = await Promise.all(this.#devices.map((device) => device.ask('profiled', { kind: 'profile' })));
    return replies.map((reply) => new Map(reply.milliseconds));
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.terminate()));
    this.#optimizer.dispose();
    this.#gradients.dispose();
    this.#options.memory.free(this.#control);
  }
}
