import { DecadeError } from '../../core/errors.js';
import { createModel } from '../../models/create.js';
import type { PlacedValues } from '../../tensor/named-values.js';
import type { PlacedLearntValues } from '../../training/executor.js';
import { ThreadedDataDevices } from '../data/devices.js';
import { together } from '../device-measurement.js';
import { answerRequests } from '../group/answer-requests.js';
import { Memories } from '../memories.js';
import type { RankNetwork, Runtime } from '../runtime.js';
import type { LearntKind, RankClaims, RankReply, RankRequest } from './messages.js';

/**
 * The program of every rank but 0: lends its devices to what rank 0 trains, until rank 0 lets it go.
 *
 * @throws DecadeError `resource` when rank 0, or the network, is gone
 */
export function lendDevices(runtime: Runtime, network: RankNetwork, claims: () => Promise<RankClaims>): Promise<void> {
  const link = network.linkTo(0);
  return new Promise((resolve, reject) => {
    const lender = new Lender(runtime, network, claims);
    link.listen({
      message: (message) => deliver(message),
      failure: (received, next) => {
        lender.stop().catch(() => undefined);
        reject(new DecadeError('resource', { where: `rank ${network.rank}`, received, ...(next !== undefined && { next }) }));
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

class Lender {
  readonly #runtime: Runtime;
  readonly #network: RankNetwork;
  readonly #claims: () => Promise<RankClaims>;
  #lent: { readonly devices: ThreadedDataDevices; readonly memories: Memories } | undefined;

  constructor(runtime: Runtime, network: RankNetwork, claims: () => Promise<RankClaims>) {
    this.#runtime = runtime;
    this.#network = network;
    this.#claims = claims;
  }

  async answer(request: RankRequest): Promise<RankReply> {
    switch (request.kind) {
      case 'introduce':
        return { kind: 'introduced', claims: await this.#claims() };
      case 'start':
        return this.#start(request);
      case 'stop':
      case 'leave':
        await this.stop();
        return { kind: 'done' };
      default:
        return this.#compute(request);
    }
  }

  async stop(): Promise<void> {
    const lent = this.#lent;
    this.#lent = undefined;
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

  async #compute(request: Exclude<RankRequest, { kind: 'introduce' | 'start' | 'stop' | 'leave' }>): Promise<RankReply> {
    if (this.#lent === undefined) throw new Error('devices must be started first');
    const { devices } = this.#lent;
    switch (request.kind) {
      case 'update': {
        const { kind: _kind, ...update } = request;
        return { kind: 'updated', results: await devices.update(update) };
      }
      case 'evaluate':
        return { kind: 'evaluated', shards: await devices.evaluate(request.shards) };
      case 'set': {
        const { of, name, start, values } = request;
        valuesOf(devices.values, of).write(name, start, values);
        return { kind: 'done' };
      }
      case 'get': {
        const values = new Float32Array(request.end - request.start);
        await valuesOf(devices.values, request.of).read(request.name, request.start, values);
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
}

function valuesOf(values: PlacedLearntValues, of: LearntKind): PlacedValues {
  return values[of];
}
