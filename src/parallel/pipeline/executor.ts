import { DecadeError } from '../../core/errors.js';
import { type IdPair, sizeOf } from '../../data/batch.js';
import type { DecodingExecutor } from '../../decoding/executor.js';
import { createModel, type ModelOptions } from '../../models/create.js';
import { layersOf } from '../../models/lstm/separable-layers.js';
import type { Model } from '../../models/model.js';
import type { Precision } from '../../tensor/matrix.js';
import { type Memory, mebibytes } from '../../tensor/memory.js';
import { PlacedValues } from '../../tensor/named-values.js';
import { Tensor } from '../../tensor/tensor.js';
import type { EvaluationResult, Executor, PlacedLearntValues, UpdateResult, UpdateSettings } from '../../training/executor.js';
import { updateCount } from '../../training/update.js';
import { Optimizer } from '../../training/optimizer.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { Completion, completionBlock } from './completion.js';
import { DecodingDevices } from '../decoding/devices.js';
import { type DecodingReply, type DecodingRequest, sharedModel } from '../decoding/messages.js';
import { divide } from '../data/divide.js';
import { packPairs } from '../messages.js';
import { networkOf } from '../schedule/network.js';
import type { PipelineReply, PipelineRequest } from './messages.js';
import { describePlan, type PipelinePlan } from '../schedule/plan.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { Memories } from '../memories.js';
import type { Runtime } from '../runtime.js';
import { startAll, ThreadedExecutor } from '../threaded-executor.js';
import { ownBytes, ownParameters } from './own-parameters.js';

type Remote = RemoteDevice<PipelineRequest | DecodingRequest, PipelineReply | DecodingReply>;

export interface PipelineExecutorOptions {
  readonly runtime: Runtime;
  /** The caller's to release, when the executor is disposed. */
  readonly memories: Memories;
  /** Of layers that can be separated; see `layersOf`. Its parameters are declared: devices give them room. */
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
 * the schedule (schedule.ts) in a fixed order. What it learns is in its own memory, which devices share while they fit. A
 * hand-over is a number that rises and a place in the memory of who gives. Every gradient is added to by one device, in the
 * order of its tasks, so a run is bit-reproducible.
 */
export class PipelineExecutor extends ThreadedExecutor {
  override readonly description: readonly string[];
  readonly #options: PipelineExecutorOptions;
  readonly #devices: readonly Remote[];
  /** When each device began and ended each task of the last update (`instrument: time`). */
  times: readonly Float64Array[] = [];

  static async start(options: PipelineExecutorOptions): Promise<PipelineExecutor> {
    const { runtime, model, modelOptions, rule, plan, gemm, precision, instrument } = options;
    // Refuses what cannot be separated, and what does not fit, before any thread is started.
    const memories = memoriesOf(options);
    const { devices } = plan.placement;
    const block = completionBlock(devices);
    const completion = new Completion(block, devices);
    const remotes = Array.from(
      { length: devices },
      (_, device): Remote => new RemoteDevice(runtime.startThread(), `device ${device}`, () => completion.break()),
    );
    const replies = await startAll(remotes, (remote, device) =>
      remote.ask('started', {
        kind: 'pipeline',
        memories: memories.map(({ webAssembly }) => webAssembly),
        gemm,
        precision,
        model: modelOptions,
        vocabularies: model.vocabularies,
        rule,
        plan,
        completion: block,
        device,
        instrument,
      }),
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
    return new PipelineExecutor(options, remotes, placement, valuesOf(options, memories, replies));
  }

  private constructor(
    options: PipelineExecutorOptions,
    devices: readonly Remote[],
    placement: Executor['placement'],
    values: PlacedLearntValues,
  ) {
    super(devices, placement, values);
    this.#options = options;
    this.#devices = devices;
    this.description = describePlan(options.plan, networkOf(options.model, options.rule.optimizer));
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

  /** On one copy of the whole model, in a memory of its own until decoding ends. */
  async decoding(): Promise<DecodingExecutor> {
    const { runtime, model, modelOptions, gemm } = this.#options;
    const memory = runtime.newMemory();
    const release = () => runtime.releaseMemory(memory);
    try {
      const whole = createModel(modelOptions, model.vocabularies);
      whole.parameters.allocate(memory);
      await PlacedValues.of(whole.parameters).fill((await this.collect()).parameters);
      return await DecodingDevices.begin(this.#devices, { members: [sharedModel(whole, modelOptions, memory)], gemm, release });
    } catch (error) {
      await release();
      throw error;
    }
  }
}

/**
 * A memory for every device, which some may share.
 *
 * @throws DecadeError `usage` for a model that cannot be cut, `resource` when what a device learns does not fit into a memory
 */
function memoriesOf({ memories, model, rule, plan: { placement } }: PipelineExecutorOptions): Memory[] {
  const layered = layersOf(model);
  return Array.from({ length: placement.devices }, (_, device) => {
    const bytes = ownBytes(layered, placement, device, rule.optimizer);
    const memory = memories.withRoom(bytes);
    if (bytes <= memory.remainingBytes) return memory;
    throw new DecadeError('resource', {
      where: `device ${device} of ${placement.devices}`,
      received: `${mebibytes(bytes)} of parameters, gradients, optimizer values and room to compute`,
      allowed: `at most ${mebibytes(memory.remainingBytes)} in the memory of a device`,
      next: 'divide layers and vocabulary among more devices (training.parallel.placement), or train a smaller model',
    });
  });
}

/** What the devices learn, joined under the names, and in the order, of the whole model. */
function valuesOf(
  { model, rule: { optimizer }, plan: { placement } }: PipelineExecutorOptions,
  memories: readonly Memory[],
  replies: readonly Extract<PipelineReply, { kind: 'started' }>[],
): PlacedLearntValues {
  const names = model.parameters.names;
  const parameters = new Map(names.map((name): [string, Tensor[]] => [name, []]));
  const optimizerState = new Map(Optimizer.stateNames(optimizer, names).map((name): [string, Tensor[]] => [name, []]));
  // Slices of the output layer follow each other as the vocabulary does.
  const firstOf = (device: number) => placement.vocabulary.find((slice) => slice.device === device)?.from ?? 0;
  const inOrder = Array.from(memories.keys()).sort((a, b) => firstOf(a) - firstOf(b));
  for (const device of inOrder) {
    const [memory, reply] = [memories[device] as Memory, replies[device]];
    const own = ownParameters(layersOf(model), placement, device);
    for (const { name, shape } of own) parameters.get(name)?.push(new Tensor(memory, reply?.parameters[name] ?? 0, shape));
    const { state } = new Optimizer(optimizer, own, memory, { offsets: reply?.optimizer });
    for (const [name, { values }] of state) optimizerState.get(name)?.push(values);
  }
  return { parameters: new PlacedValues(parameters), optimizerState: new PlacedValues(optimizerState) };
}
