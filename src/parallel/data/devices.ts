import { DecadeError } from '../../core/errors.js';
import type { DecodingExecutor } from '../../decoding/executor.js';
import type { ModelOptions } from '../../models/create.js';
import type { Model } from '../../models/model.js';
import { Gradients } from '../../nn/parameters.js';
import type { Precision } from '../../tensor/matrix.js';
import { type Memory, mebibytes } from '../../tensor/memory.js';
import { PlacedValues } from '../../tensor/named-values.js';
import type { EvaluationResult, PlacedLearntValues, UpdateResult } from '../../training/executor.js';
import { Optimizer } from '../../training/optimizer.js';
import type { UpdateRule } from '../../training/optimizer-options.js';
import { DecodingDevices } from '../decoding/devices.js';
import { type DecodingReply, type DecodingRequest, sharedModel } from '../decoding/messages.js';
import { meetRanks } from '../group/ranks-meeting.js';
import { RemoteDevice } from '../group/remote-device.js';
import { Meeting, meetingPlace } from '../group/threads.js';
import { keptBy, type Placed } from '../group/wire-plan.js';
import type { Memories } from '../memories.js';
import type { DeviceReply, DeviceRequest, PackedPairs, UpdateMessage } from '../messages.js';
import type { RankNetwork, Runtime } from '../runtime.js';
import { startAll } from '../threaded-executor.js';

type Thread = RemoteDevice<DeviceRequest | DecodingRequest, DeviceReply | DecodingReply>;

/** What one device is given of an evaluation, and what it says. */
export interface EvaluatedShard {
  readonly result: EvaluationResult;
  readonly logProbabilities: Float64Array;
}

/** The shards of an update, one a device, each of as many micro-batches. */
export type DividedUpdate = Omit<UpdateMessage, 'kind' | 'shards'> & { readonly shards: readonly (readonly PackedPairs[])[] };

/** The devices of one process, in data-parallel training. */
export interface DataDevices {
  readonly devices: number;
  /** Each device's result, all of the same update: other processes compute it at the same time. */
  update(update: DividedUpdate): Promise<readonly UpdateResult[]>;
  evaluate(shards: readonly PackedPairs[]): Promise<readonly EvaluatedShard[]>;
}

/** Room in which a device can compute at all: the arena of the smallest step takes 2 MiB, and as much again while it grows. */
const leastStepBytes = 4 * 1024 ** 2;

export interface DataDevicesOptions {
  readonly runtime: Pick<Runtime, 'startThread'>;
  /** The caller's to release, when the devices are disposed. */
  readonly memories: Memories;
  /** Its parameters are declared: the devices give them room. */
  readonly model: Model;
  readonly modelOptions: ModelOptions;
  readonly rule: UpdateRule;
  /** At least 1. */
  readonly devices: number;
  readonly gemm?: string | undefined;
  readonly precision?: Precision | undefined;
  readonly instrument?: 'record' | 'profile' | undefined;
  /** Where other processes have devices, too: which, and what their network is woken by. */
  readonly ranks?: (Placed & Pick<RankNetwork, 'bell' | 'attach'>) | undefined;
}

/** The devices of this process: threads on one memory, which holds one copy of the parameters. */
export class ThreadedDataDevices implements DataDevices {
  readonly threads: readonly Thread[];
  readonly values: PlacedLearntValues;
  /** What they compute with. */
  readonly placement: { readonly gemm: string; readonly precision: Precision; readonly kernels: string };
  readonly #options: DataDevicesOptions;
  readonly #optimizer: Optimizer;
  readonly #disposeMeeting: () => void;
  /** Ends what devices wait for each other in. */
  readonly break: () => void;

  static async start(options: DataDevicesOptions): Promise<ThreadedDataDevices> {
    const { runtime, memories, model, modelOptions, rule, devices, gemm, precision, instrument } = options;
    const memory = memories.withRoom(4 * model.parameters.count);
    model.parameters.allocate(memory);
    const optimizer = new Optimizer(rule.optimizer, model.parameters, memory, { kept: options.ranks && keptBy(options.ranks) });
    const { attach, ...placed } = options.ranks ?? {};
    const others = 'rank' in placed ? meetRanks(model.parameters, memory, placed) : undefined;
    requireRoom(memory, model, devices);
    if (others !== undefined) attach?.(others.wire.blocks);
    const block = meetingPlace(devices);
    const meeting = new Meeting(block, devices);
    const broken = () => {
      meeting.break();
      others?.wire.break();
    };
    const disposeMeeting = () => {
      if (others?.wire.isIdle === false) memories.abandon(memory);
      others?.dispose();
    };
    const threads = Array.from(
      { length: devices },
      (_, device): Thread => new RemoteDevice(runtime.startThread(), `device ${device}`, broken),
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
        ranks: others?.meeting,
        instrument,
      }),
    );
    const gradients = replies.map((reply) => reply.gradients);
    await startAll(threads, (thread) => thread.ask('ready', { kind: 'peers', gradients }));
    const [first] = replies;
    if (first === undefined) throw new DecadeError('usage', { where: 'devices', received: '0', allowed: '1 or more' });
    return new ThreadedDataDevices(options, threads, { optimizer, disposeMeeting, broken }, first);
  }

  private constructor(
    options: DataDevicesOptions,
    threads: readonly Thread[],
    { optimizer, disposeMeeting, broken }: { optimizer: Optimizer; disposeMeeting: () => void; broken: () => void },
    { gemm, precision, kernels }: Extract<DeviceReply, { kind: 'started' }>,
  ) {
    this.threads = threads;
    this.values = { parameters: PlacedValues.of(options.model.parameters), optimizerState: optimizer.placed };
    this.placement = { gemm, precision, kernels };
    this.#options = options;
    this.#optimizer = optimizer;
    this.#disposeMeeting = disposeMeeting;
    this.break = broken;
  }

  get devices(): number {
    return this.threads.length;
  }

  async update({ shards, ...settings }: DividedUpdate): Promise<UpdateResult[]> {
    const replies = await Promise.all(
      this.threads.map((thread, device) => thread.ask('updated', { kind: 'update', shards: shards[device] ?? [], ...settings })),
    );
    return replies.map((reply) => reply.result);
  }

  evaluate(shards: readonly PackedPairs[]): Promise<EvaluatedShard[]> {
    return Promise.all(
      this.threads.map((thread, device) => thread.ask('evaluated', { kind: 'evaluate', pairs: shards[device] as PackedPairs })),
    );
  }

  decoding(): Promise<DecodingExecutor> {
    const { model, modelOptions, gemm } = this.#options;
    return DecodingDevices.begin(this.threads, { members: [sharedModel(model, modelOptions, undefined)], gemm });
  }

  /** Ends the threads. */
  async dispose(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()));
    this.disposeValues();
  }

  /** Gives back the room of what the threads, which have ended, had. */
  disposeValues(): void {
    this.#optimizer.dispose();
    this.#disposeMeeting();
    this.#options.model.parameters.dispose();
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
