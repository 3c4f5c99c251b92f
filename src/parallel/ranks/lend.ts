import { DecadeError } from '../../core/errors.js';
import { createModel } from '../../models/create.js';
import type { PlacedValues } from '../../tensor/named-values.js';
import { ThreadedDataDevices } from '../data/devices.js';
import { refusal } from '../decoding/messages.js';
import { together } from '../device-measurement.js';
import { answerRequests } from '../group/answer-requests.js';
import { Memories } from '../memories.js';
import type { RankNetwork, Runtime } from '../runtime.js';
import { LentDecoders } from './lent-decoders.js';
import type { RankClaims, RankReply, RankRequest, ValuesOf } from './messages.js';

/** Does work that a command has divided. The signal saves what is done so far, and ends it. */
export type RankTask = (task: unknown, signal: AbortSignal) => Promise<unknown>;

/**
 * The program of every rank but 0: lends its devices to what rank 0 trains and decodes, and does the tasks that it is given, until rank 0
 * lets it go.
 *
 * @throws DecadeError `resource` when rank 0, or the network, is gone
 */
export function lendDevices(runtime: Runtime, network: RankNetwork, claims: () => Promise<RankClaims>, task?: RankTask): Promise<void> {
  const link = network.linkTo(0);
  return new Promise((resolve, reject) => {
    const lender = new Lender(runtime, network, claims, task);
    link.listen({
      message: (message) => deliver(message),
      failure: (received) => {
        lender.stop().catch(() => undefined);
        reject(new DecadeError('resource', { where: `rank ${network.rank}`, received, next: 'start all ranks again' }));
      },
    });
    let deliver: (message: unknown) => void = () => undefined;
    answerRequests<RankRequest, RankReply>(
      {
        post: (reply) => link.post(reply),
        listen: (handler) => {
          deliver = handler;
        },
      },
      async (request) => {
        const reply = await lender.answer(request);
        // The reply is sent before whoever waits goes on.
        if (request.kind === 'leave') setTimeout(resolve, 0);
        return reply;
      },
    );
  });
}

/** What devices that train are asked. */
type TrainingRequest = Extract<RankRequest, { kind: 'update' | 'evaluate' | 'get' | 'replay' | 'profile' }>;

class Lender {
  readonly #runtime: Runtime;
  readonly #network: RankNetwork;
  readonly #claims: () => Promise<RankClaims>;
  readonly #task: RankTask | undefined;
  #lent: { readonly devices: ThreadedDataDevices; readonly memories: Memories } | undefined;
  #decoders: LentDecoders | undefined;
  #underWay: AbortController | undefined;

  constructor(runtime: Runtime, network: RankNetwork, claims: () => Promise<RankClaims>, task: RankTask | undefined) {
    this.#runtime = runtime;
    this.#network = network;
    this.#claims = claims;
    this.#task = task;
  }

  async answer(request: RankRequest): Promise<RankReply | undefined> {
    switch (request.kind) {
      case 'introduce':
        return { kind: 'introduced', claims: await this.#claims() };
      case 'start':
        return this.#start(request);
      case 'decode':
        if (this.#decoders !== undefined) throw new Error('devices decode with other models already');
        this.#decoders = await LentDecoders.start(this.#runtime, this.#network, request);
        return { kind: 'started', ...this.#decoders.placement };
      case 'set': {
        const { of, name, start, values } = request;
        this.#placed(of).write(name, start, values);
        return { kind: 'done' };
      }
      case 'task':
        return this.#do(request.task);
      case 'interrupt':
        this.#underWay?.abort(new DecadeError('usage', { where: 'task', received: 'a request to stop' }));
        return undefined;
      case 'stop':
      case 'leave':
        await this.stop();
        return { kind: 'done' };
      default:
        return this.#compute(request);
    }
  }

  async stop(): Promise<void> {
    const [lent, decoders] = [this.#lent, this.#decoders];
    this.#lent = undefined;
    this.#decoders = undefined;
    await decoders?.end();
    lent?.devices.break();
    await lent?.devices.dispose();
    await lent?.memories.release();
  }

  async #start({
    model: options,
    vocabularies,
    rule,
    gemm,
    precision,
    devices,
    communication,
    instrument,
  }: Extract<RankRequest, { kind: 'start' }>): Promise<RankReply> {
    await this.stop();
    const { rank, bell } = this.#network;
    const memories = new Memories(this.#runtime);
    // Opened here first, so that all threads use the library that is chosen once.
    const opened = await this.#runtime.openDevice(memories.withRoom(0), { gemm, precision });
    opened.matrix.dispose();
    const started = await ThreadedDataDevices.start({
      runtime: this.#runtime,
      memories,
      model: createModel(options, vocabularies),
      modelOptions: options,
      rule,
      devices: devices[rank] as number,
      gemm,
      precision,
      instrument,
      ranks: { rank, devices, communication, bell, attach: (wire) => this.#network.attach(wire) },
    });
    this.#lent = { devices: started, memories };
    return { kind: 'started', ...started.placement };
  }

  /** What is wrong with a task is its result: others can be done. */
  async #do(task: unknown): Promise<RankReply> {
    if (this.#task === undefined) throw new Error('no tasks are known');
    this.#underWay = new AbortController();
    try {
      return { kind: 'did', result: await this.#task(task, this.#underWay.signal) };
    } catch (error) {
      if (!(error instanceof DecadeError)) throw error;
      const { where } = error.parts;
      return refusal(new DecadeError(error.kind, { ...error.parts, where: `rank ${this.#network.rank}: ${where}` }));
    } finally {
      this.#underWay = undefined;
    }
  }

  async #compute(request: TrainingRequest): Promise<RankReply> {
    if (this.#lent === undefined) throw new Error('devices must be started first');
    const { devices } = this.#lent;
    switch (request.kind) {
      case 'update': {
        const { kind: _kind, ...update } = request;
        return { kind: 'updated', results: await devices.update(update) };
      }
      case 'evaluate':
        return { kind: 'evaluated', shards: await devices.evaluate(request.shards) };
      case 'get': {
        const values = new Float32Array(request.end - request.start);
        await this.#placed(request.of).read(request.name, request.start, values);
        return { kind: 'values', values };
      }
      case 'replay':
        return { kind: 'replayed', ...together(await Promise.all(devices.threads.map((thread) => thread.ask('replayed', request)))) };
      case 'profile': {
        const [first] = await Promise.all(devices.threads.map((thread) => thread.ask('profiled', request)));
        return { kind: 'profiled', milliseconds: first?.milliseconds ?? [] };
      }
    }
  }

  #placed(of: ValuesOf): PlacedValues {
    const values = typeof of === 'number' ? this.#decoders?.parameters[of] : this.#lent?.devices.values[of];
    if (values === undefined) throw new Error('devices must be started first');
    return values;
  }
}
