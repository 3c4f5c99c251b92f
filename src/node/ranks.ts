import { hostname } from 'node:os';
import { deserialize, serialize } from 'node:v8';
import { MessageChannel, Worker } from 'node:worker_threads';
import { DecadeError } from '../core/errors.js';
import { ring } from '../parallel/group/wire.js';
import type { DeviceThread, RankNetwork, WireBlocks } from '../parallel/runtime.js';
import { installMpi } from './mpi/install-command.js';
import type { Launched } from './mpi/launcher.js';
import type { NetworkOrder, NetworkReport, NetworkStart } from './mpi/messages.js';

/** Seconds after which a rank that sends no sign of life is given up, unless `DECADE_MPI_SILENCE` says another number. */
const defaultSilence = 30;

type Listener = Parameters<DeviceThread['listen']>[0];

/** The ranks that a launcher started, joined through the MPI library that is here. A thread of its own makes all calls of it. */
export class MpiNetwork implements RankNetwork {
  readonly rank: number;
  readonly size: number;
  readonly bell: SharedArrayBuffer;
  readonly #orders: MessageChannel['port1'];
  readonly #ended: Promise<void>;
  readonly #listeners = new Map<number, Listener>();
  /** Of ranks to which nobody listens yet. */
  readonly #early: { from: number; message: unknown }[] = [];
  #failure: { reason: string; next: string } | undefined;

  /**
   * Joins the others. Returns when all have come.
   *
   * @throws DecadeError `resource` where there is no MPI library, or not the launcher's
   */
  static async join(launched: Launched): Promise<MpiNetwork> {
    const bell = new SharedArrayBuffer(4);
    const { port1, port2 } = new MessageChannel();
    const silence = Number(process.env.DECADE_MPI_SILENCE ?? '');
    const start: NetworkStart = { launched, bell, orders: port2, silenceSeconds: silence > 0 ? silence : defaultSilence };
    // By way of its folder, so that it is found from the file that the command is made into, too.
    const worker = new Worker(new URL('../node/mpi/thread.js', import.meta.url), { workerData: start, transferList: [port2] });
    return new Promise((resolve, reject) => {
      let network: MpiNetwork | undefined;
      let ended = () => {};
      const whenEnded = new Promise<void>((resolveEnd) => {
        ended = resolveEnd;
      });
      worker.on('error', (error) => {
        if (network === undefined) reject(error);
        else network.#fail(error.message);
      });
      worker.on('message', (report: NetworkReport) => {
        switch (report.kind) {
          case 'started': {
            const { rank, size, library } = report;
            if (size !== launched.size) reject(wrongLibrary(launched, library, size));
            else {
              network = new MpiNetwork({ rank, size }, bell, port1, whenEnded);
              resolve(network);
            }
            break;
          }
          case 'missing':
            reject(noLibrary(launched, report.reason));
            break;
          case 'failed':
            if (network === undefined) reject(new DecadeError('resource', { where: 'MPI', received: report.reason }));
            else network.#fail(report.reason);
            break;
          case 'silent':
            if (network !== undefined) network.#fail(`rank ${report.rank} has not been heard of for ${report.seconds} s`);
            break;
          case 'message':
            if (network !== undefined) network.#deliver(report.from, deserialize(Buffer.from(new Uint8Array(report.bytes))));
            break;
          case 'ended':
            ended();
        }
      });
    });
  }

  private constructor(
    { rank, size }: { rank: number; size: number },
    bell: SharedArrayBuffer,
    orders: MessageChannel['port1'],
    ended: Promise<void>,
  ) {
    this.rank = rank;
    this.size = size;
    this.bell = bell;
    this.#orders = orders;
    this.#ended = ended;
  }

  linkTo(rank: number): DeviceThread {
    return {
      post: (message) => {
        const bytes = serialize(message);
        const shared = new SharedArrayBuffer(bytes.length);
        new Uint8Array(shared).set(bytes);
        this.#order({ kind: 'send', to: rank, bytes: shared });
      },
      listen: (listener) => {
        this.#listeners.set(rank, listener);
        if (this.#failure !== undefined) listener.failure(this.#failure.reason, this.#failure.next);
        for (const { from, message } of this.#early.splice(0)) this.#deliver(from, message);
      },
      terminate: async () => {},
    };
  }

  attach(wire: WireBlocks): void {
    this.#order({ kind: 'attach', wire });
  }

  /** Leaves the library, as all ranks must. */
  async end(): Promise<void> {
    if (this.#failure !== undefined) return;
    this.#order({ kind: 'end' });
    await this.#ended;
  }

  #order(order: NetworkOrder): void {
    this.#orders.postMessage(order);
    ring(this.bell);
  }

  #deliver(from: number, message: unknown): void {
    const listener = this.#listeners.get(from);
    if (listener === undefined) this.#early.push({ from, message });
    else listener.message(message);
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = { reason, next: 'the last checkpoint stands: start all ranks again with --resume' };
    for (const listener of this.#listeners.values()) listener.failure(reason, this.#failure.next);
  }
}

const names = { openmpi: 'Open MPI', mpich: 'MPICH', pmix: 'Slurm with PMIx' } as const;

function noLibrary({ launcher, size }: Launched, reason: string): DecadeError {
  return new DecadeError('resource', {
    where: `MPI on ${hostname()}`,
    received: `${size} ranks started by ${names[launcher]}, and no library of it here: ${reason}`,
    allowed: 'the MPI library that the launcher belongs to',
    next: installMpi(launcher),
  });
}

function wrongLibrary({ launcher, size }: Launched, library: string, found: number): DecadeError {
  return new DecadeError('resource', {
    where: `MPI on ${hostname()}`,
    received: `${library}, which finds ${found === 1 ? 'this process alone' : `${found} ranks`} where ${names[launcher]} started ${size}`,
    allowed: `a library that ${names[launcher]}'s launcher knows`,
    next: `name it with DECADE_MPI=/path/to/libmpi.so, or start the ranks with that library's own mpirun`,
  });
}
