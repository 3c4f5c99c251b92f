import { createModel } from '../models/create.js';
import { Gradients } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import { ProductRecorder, type KernelTimes, profiled } from '../tensor/instrumentation.js';
import type { Precision } from '../tensor/matrix.js';
import { matrixIdentity } from '../tensor/matrix.js';
import { Memory } from '../tensor/memory.js';
import { Optimizer } from '../training/optimizer.js';
import { clippingFactor, Replica, type ShardResult } from '../training/replica.js';
import { Barrier, barrierFields } from './group/barrier.js';
import { DecodingDevice } from './decoding/device.js';
import { type DecodingReply, type DecodingRequest, isDecodingRequest } from './decoding/messages.js';
import type { ReplayMessage } from './device-measurement.js';
import { type DeviceReply, type DeviceRequest, type PeersMessage, type StartMessage, type UpdateMessage, unpackPairs } from './messages.js';
import { PipelineDevice } from './pipeline/device.js';
import { measureCosts } from './pipeline/measured-costs.js';
import { answerCalls, busyFields } from './pipeline/measured-machine.js';
import type { KeepBusy, PipelineReply, PipelineRequest, PipelineStart } from './pipeline/messages.js';
import type { ThreadPort } from './runtime.js';

/** Partial sums that devices exchange in every update, as float64: squares of the gradient, then loss. */
const partialSums = 2;

/** Bytes of the shared block through which devices meet. */
export function controlBytes(devices: number): number {
  return 64 + devices * partialSums * 8;
}

/** The fields of the control block, the same for every thread. */
export function controlFields(memory: WebAssembly.Memory, offset: number, devices: number) {
  return {
    barrier: new Barrier(new Int32Array(memory.buffer, offset, barrierFields), devices),
    partial: new Float64Array(memory.buffer, offset + 64, devices * partialSums),
  };
}

type AnyRequest = DeviceRequest | PipelineRequest | DecodingRequest;

/** The program of a device: answers each request with one reply. */
export function runDeviceThread(port: ThreadPort): void {
  let device: TrainingDevice | undefined;
  let stage: PipelineDevice | undefined;
  const decoding = new DecodingDevice(
    async (memory, gemm) => device?.opened ?? stage?.opened ?? port.openDevice(memory, { gemm }),
    (reply) => port.post(reply),
  );
  const answer = async (request: AnyRequest): Promise<DeviceReply | PipelineReply | DecodingReply | undefined> => {
    if (isDecodingRequest(request)) {
      if (request.kind === 'begin-decoding') {
        device?.replica.stepMemory.release();
        stage?.release();
      }
      return decoding.answer(request);
    }
    if (request.kind === 'pipeline') {
      stage = await PipelineDevice.start(port, request);
      return stage.started;
    }
    if (request.kind === 'keepBusy') return keepBusy(port, request);
    if (stage !== undefined) return stage.answer(request as Exclude<PipelineRequest, PipelineStart | KeepBusy>);
    if (request.kind === 'pipelineUpdate' || request.kind === 'pipelineEvaluate') throw new Error('a device must be started first');
    if (request.kind === 'start') {
      device = await TrainingDevice.start(port, request);
      return device.started;
    }
    if (device === undefined) throw new Error('a device must be started first');
    switch (request.kind) {
      case 'peers':
        device.meet(request);
        return { kind: 'ready' };
      case 'update':
        return device.update(request);
      case 'evaluate': {
        const logProbabilities = new Float64Array(request.pairs.keys.length);
        return { kind: 'evaluated', result: device.replica.evaluate(unpackPairs(request.pairs), logProbabilities), logProbabilities };
      }
      case 'replay':
        return device.replay(request);
      case 'profile':
        return device.takeProfile();
    }
  };
  port.listen((message) => {
    answer(message as AnyRequest).then(
      (reply) => {
        if (reply !== undefined) port.post(reply);
      },
      (error: unknown) =>
        port.post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) } satisfies DeviceReply),
    );
  });
}

async function keepBusy(port: ThreadPort, { answers, fields, network, sentences, gemm, precision }: KeepBusy): Promise<PipelineReply> {
  const device = await port.openDevice(port.newMemory(), { gemm, precision });
  Atomics.add(fields, busyFields.begun, 1);
  if (answers) answerCalls(fields);
  while (Atomics.load(fields, busyFields.enough) === 0) {
    measureCosts(device, network, sentences, () => Atomics.load(fields, busyFields.enough) !== 0);
  }
  device.matrix.dispose();
  return { kind: 'kept' };
}

class TrainingDevice {
  /** As the platform gave it. */
  readonly opened: Device;
  readonly replica: Replica;
  readonly #start: StartMessage;
  readonly #optimizer: Optimizer;
  readonly #barrier: Barrier;
  readonly #partial: Float64Array;
  readonly #description: { gemm: string; precision: Precision; kernels: string };
  readonly #recorder: ProductRecorder | undefined;
  readonly #profile: KernelTimes = new Map();
  #all: Gradients[] = [];

  static async start(port: ThreadPort, start: StartMessage): Promise<TrainingDevice> {
    const memory = new Memory({ shared: true, existing: start.memory });
    return new TrainingDevice(start, memory, await port.openDevice(memory, { gemm: start.gemm, precision: start.precision }));
  }

  private constructor(start: StartMessage, memory: Memory, opened: Device) {
    this.opened = opened;
    this.#start = start;
    this.#recorder = start.instrument === 'record' ? new ProductRecorder(opened) : undefined;
    const device = start.instrument === 'profile' ? profiled(opened, this.#profile) : (this.#recorder?.device ?? opened);
    const model = createModel(start.model, start.vocabularies);
    model.parameters.attach(memory, start.parameters);
    this.replica = new Replica(device, model, start.rule);
    this.#optimizer = new Optimizer(start.rule.optimizer, model.parameters, memory, start.optimizer);
    const { barrier, partial } = controlFields(start.memory, start.control, start.devices);
    this.#barrier = barrier;
    this.#partial = partial;
    this.#description = { gemm: matrixIdentity(opened.matrix), precision: device.matrix.precision, kernels: device.kernels.variant };
  }

  get started(): DeviceReply {
    return { kind: 'started', gradients: this.replica.gradients.offsets, ...this.#description };
  }

  meet({ gradients }: PeersMessage): void {
    const { model, device, stepMemory } = this.replica;
    stepMemory.share(gradients.length);
    this.#all = gradients.map((offsets, index) =>
      index === this.#start.device ? this.replica.gradients : new Gradients(model.parameters, device.memory, offsets),
    );
  }

  update({ shards, update, learningRate, gradientScale }: UpdateMessage): DeviceReply {
    const { device: part, devices: parts, rule } = this.#start;
    this.#recorder?.start();
    const share = { part, parts };
    const total = { loss: 0, negativeLogLikelihood: 0, sentences: 0, sourceTokens: 0, targetTokens: 0 };
    for (const shard of shards) {
      const result: ShardResult = this.replica.accumulate(unpackPairs(shard), { update, gradientScale });
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += result[key];
    }
    this.#barrier.wait();
    this.#partial[part] = this.replica.reduce(this.#all, this.#optimizer, share);
    this.#partial[parts + part] = total.loss;
    this.#barrier.wait();
    const sum = (from: number) => this.#partial.subarray(from, from + parts).reduce((before, value) => before + value, 0);
    const gradientNorm = Math.sqrt(sum(0));
    const finite = Number.isFinite(gradientNorm) && Number.isFinite(sum(parts));
    const [first] = this.#all;
    if (finite && first !== undefined) {
      const factor = clippingFactor(gradientNorm, rule.clip);
      this.replica.apply(first, this.#optimizer, { update, learningRate, factor }, share);
    }
    this.#barrier.wait();
    this.replica.finish();
    this.#recorder?.stop();
    return { kind: 'updated', result: { ...total, gradientNorm, finite } };
  }

  replay({ products }: ReplayMessage): DeviceReply {
    this.#barrier.wait();
    const start = performance.now();
    this.#recorder?.replay(products);
    this.#barrier.wait();
    const milliseconds = performance.now() - start;
    // The products have been added to the gradients of an update that is over.
    this.replica.gradients.clear();
    return { kind: 'replayed', operations: this.#recorder?.operations ?? 0, milliseconds };
  }

  takeProfile(): DeviceReply {
    const milliseconds = [...this.#profile];
    this.#profile.clear();
    return { kind: 'profiled', milliseconds };
  }
}
