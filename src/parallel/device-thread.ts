import { createModel } from '../models/create.js';
import { Gradients } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import { adding, ProductRecorder, type KernelTimes, profiled } from '../tensor/instrumentation.js';
import type { Precision } from '../tensor/matrix.js';
import { matrixIdentity } from '../tensor/matrix.js';
import { Memory } from '../tensor/memory.js';
import type { Group } from '../training/group.js';
import { Optimizer } from '../training/optimizer.js';
import { Replica } from '../training/replica.js';
import { updateTogether } from '../training/update.js';
import { answerRequests } from './group/answer-requests.js';
import { RanksGroup } from './group/ranks.js';
import { Meeting, ThreadGroup } from './group/threads.js';
import { keptBy } from './group/wire-plan.js';
import { DecodingDevice } from './decoding/device.js';
import { type DecodingReply, type DecodingRequest, isDecodingRequest } from './decoding/messages.js';
import type { ProfileMessage, ReplayMessage } from './device-measurement.js';
import {
  type DeviceReply,
  type DeviceRequest,
  type EvaluateMessage,
  type PeersMessage,
  type StartMessage,
  type UpdateMessage,
  unpackPairs,
} from './messages.js';
import { PipelineDevice } from './pipeline/device.js';
import { measureCosts } from './pipeline/measured-costs.js';
import { answerCalls, busyFields } from './pipeline/measured-machine.js';
import type { KeepBusy, PipelineReply, PipelineRequest } from './pipeline/messages.js';
import type { ThreadPort } from './runtime.js';

type AnyRequest = DeviceRequest | PipelineRequest | DecodingRequest;
type AnyReply = DeviceReply | PipelineReply | DecodingReply;

/** The program of a device: answers each request with one reply. */
export function runDeviceThread(port: ThreadPort): void {
  let device: TrainingDevice | PipelineDevice | undefined;
  const decoding = new DecodingDevice(
    () => (device instanceof TrainingDevice ? device.opened : undefined),
    (memory, gemm) => port.openDevice(memory, { gemm }),
    (reply) => port.post(reply),
  );
  const answer = async (request: AnyRequest): Promise<AnyReply | undefined> => {
    if (isDecodingRequest(request)) {
      if (request.kind === 'begin-decoding') device?.release();
      return decoding.answer(request);
    }
    switch (request.kind) {
      case 'keepBusy':
        return keepBusy(port, request);
      case 'start':
        device = await TrainingDevice.start(port, request);
        return device.started;
      case 'pipeline':
        device = await PipelineDevice.start(port, request);
        return device.started;
      case 'pipelineUpdate':
      case 'pipelineEvaluate':
        if (device instanceof PipelineDevice) return device.answer(request);
        break;
      case 'replay':
      case 'profile':
        if (device !== undefined) return device.answer(request);
        break;
      default:
        if (device instanceof TrainingDevice) return device.answer(request);
    }
    throw new Error('a device must be started first');
  };
  answerRequests(port, answer);
}

async function keepBusy(port: ThreadPort, { answers, fields, work, gemm, precision }: KeepBusy): Promise<PipelineReply> {
  const device = await port.openDevice(port.newMemory(), { gemm, precision });
  Atomics.add(fields, busyFields.begun, 1);
  if (answers) answerCalls(fields);
  while (Atomics.load(fields, busyFields.enough) === 0) {
    measureCosts(device, work, () => Atomics.load(fields, busyFields.enough) !== 0);
  }
  device.matrix.dispose();
  return { kind: 'kept' };
}

class TrainingDevice {
  /** As the platform gave it. */
  readonly opened: Device;
  readonly #replica: Replica;
  readonly #start: StartMessage;
  readonly #optimizer: Optimizer;
  readonly #description: { gemm: string; precision: Precision; kernels: string };
  readonly #recorder: ProductRecorder | undefined;
  readonly #profile: KernelTimes = new Map();
  #group: Group | undefined;

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
    this.#replica = new Replica(device, model, start.rule);
    const kept = start.ranks && keptBy(start.ranks);
    this.#optimizer = new Optimizer(start.rule.optimizer, model.parameters, memory, { offsets: start.optimizer, kept });
    this.#description = { gemm: matrixIdentity(opened.matrix), precision: device.matrix.precision, kernels: device.kernels.variant };
  }

  get started(): DeviceReply {
    return { kind: 'started', gradients: this.#replica.gradients.offsets, ...this.#description };
  }

  answer(request: PeersMessage | UpdateMessage | EvaluateMessage | ReplayMessage | ProfileMessage): DeviceReply {
    switch (request.kind) {
      case 'peers':
        this.#meet(request);
        return { kind: 'ready' };
      case 'update':
        return this.#update(request);
      case 'evaluate': {
        const logProbabilities = new Float64Array(request.pairs.keys.length);
        return { kind: 'evaluated', result: this.#replica.evaluate(unpackPairs(request.pairs), logProbabilities), logProbabilities };
      }
      case 'replay':
        return this.#replay(request);
      case 'profile': {
        const milliseconds = [...this.#profile];
        this.#profile.clear();
        return { kind: 'profiled', milliseconds };
      }
    }
  }

  /** Gives the room of the steps back until the next one, for work between updates. */
  release(): void {
    this.#replica.stepMemory.release();
  }

  #meet({ gradients }: PeersMessage): void {
    const { model, device, stepMemory } = this.#replica;
    const { meeting, device: rank, devices, ranks } = this.#start;
    stepMemory.share(devices);
    const all = gradients.map((offsets, index) =>
      index === rank ? this.#replica.gradients : new Gradients(model.parameters, device.memory, offsets),
    );
    const waited = this.#start.instrument === 'profile' ? adding(this.#profile, 'waiting for other devices') : undefined;
    const threads = new ThreadGroup(new Meeting(meeting, devices, waited), rank, all);
    this.#group = ranks === undefined ? threads : new RanksGroup(threads, all, device, ranks);
  }

  #update({ shards, update, learningRate, gradientScale }: UpdateMessage): DeviceReply {
    const participant = { group: this.#met, replica: this.#replica, optimizer: this.#optimizer, clip: this.#start.rule.clip };
    const result = updateTogether(participant, shards.map(unpackPairs), { update, learningRate, gradientScale });
    this.#recorder?.stop();
    return { kind: 'updated', result };
  }

  #replay({ products }: ReplayMessage): DeviceReply {
    this.#met.barrier();
    const start = performance.now();
    this.#recorder?.replay(products);
    this.#met.barrier();
    const milliseconds = performance.now() - start;
    // The products have been added to the gradients of an update that is over.
    this.#replica.gradients.clear();
    return { kind: 'replayed', operations: this.#recorder?.operations ?? 0, milliseconds };
  }

  get #met(): Group {
    if (this.#group === undefined) throw new Error('a device must meet its peers first');
    return this.#group;
  }
}
