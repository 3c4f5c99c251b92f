import { hostname } from 'node:os';
import { deserialize, serialize } from 'node:v8';
import { MessageChannel, Worker } from 'node:worker_threads';
import { DecadeError } from '../core/errors.js';
import { ring } from '../parallel/group/wire.js';
import type { DeviceThread, RankNetwork, WireBlocks } from '../parallel/runtime.js';
import { ForeignInterface } from './foreign.js';
import { installMpi } from './mpi/install-command.js';
import type { Launched } from './mpi/launcher.js';
import type { NetworkOrder, NetworkReport, NetworkStart } from './mpi/messages.js';

/** Seconds after which others are given up, and the variables that say another number. */
const limits = {
  /** A rank that sends no sign of life, or does not leave when all is done. */
  silence: { variable: 'DECADE_MPI_SILENCE', seconds: 30 },
  /** Ranks that have not come. */
  start: { variable: 'DECADE_MPI_START', seconds: 120 },
} as const;
/** Seconds after which rank 0 says that it still waits for others. */
const patience = 10;
/** Of the time to start, when those that have come say so. */
const almost = 0.9;

type Listener = Parameters<DeviceThread['listen']>[0];

/** The ranks that a launcher started, joined through the MPI library that is here. A thread of its own makes all calls of it. */
export class MpiNetwork implements RankNetwork {
  readonly rank: number;
  readonly size: number;
  readonly bell: SharedArrayBuffer;
  readonly #orders: MessageChannel['port1'];
  /** Seconds until all must have left. */
  readonly #leaving: number;
  /** Resolves when the thread has left the others. */
  readonly #parted: Promise<'ended' | 'in use'>;
  /** By `channelOf`. */
  readonly #listeners = new Map<string, Listener>();
  /** Of channels to which nobody listens yet. */
  readonly #early: { channel: string; message: unknown }[] = [];
  #failure: string | undefined;
  #failed = () => {};
  readonly #whenFailed = new Promise<void>((resolve) => {
    this.#failed = resolve;
  });

  /**
   * Joins the others. Returns when all have come. The library waits for them without end, and says nothing: who waits, and for how long,
   * is told by `warn`.
   *
   * @throws DecadeError `resource` where there is no MPI library, or not the launcher's, and for ranks that do not come; `usage` for a
   *         limit that is none
   */
  static async join(launched: Launched, warn: (message: string) => void): Promise<MpiNetwork> {
    const [silence, wait] = [secondsOf(limits.silence), secondsOf(limits.start)];
    const bell = new SharedArrayBuffer(4);
    const { port1, port2 } = new MessageChannel();
    const start: NetworkStart = { launched, bell, orders: port2, silenceSeconds: silence };
    // By way of its folder, so that it is found from the file that the command is made into, too.
    const worker = new Worker(new URL('../node/mpi/thread.js', import.meta.url), { workerData: start, transferList: [port2] });
    const timers = waitingTimers(launched, wait, warn);
    const joined = new Promise<MpiNetwork>((resolve, reject) => {
      let network: MpiNetwork | undefined;
      let part: (library: 'ended' | 'in use') => void = () => {};
      const parted = new Promise<'ended' | 'in use'>((resolvePart) => {
        part = resolvePart;
      });
      timers.limit(() => {
        void exitsWithoutThread().then(() => reject(notCome(launched, wait)));
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
              network = new MpiNetwork({ rank, size, silence }, bell, port1, parted);
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
          case 'message': {
            const [channel, message] = deserialize(Buffer.from(new Uint8Array(report.bytes))) as [number, unknown];
            if (network !== undefined) network.#deliver(channelOf(report.from, channel), message);
            break;
          }
          case 'parted':
            part(report.library);
        }
      });
    });
    return joined.finally(timers.clear);
  }

  private constructor(
    { rank, size, silence }: { rank: number; size: number; silence: number },
    bell: SharedArrayBuffer,
    orders: MessageChannel['port1'],
    parted: Promise<'ended' | 'in use'>,
  ) {
    this.rank = rank;
    this.size = size;
    this.#leaving = Math.max(silence + 2, shortestLeave);
    this.bell = bell;
    this.#orders = orders;
    this.#parted = parted;
  }

  linkTo(rank: number, channel = 0): DeviceThread {
    return {
      post: (message) => {
        const bytes = serialize([channel, message]);
        const shared = new SharedArrayBuffer(bytes.length);
        new Uint8Array(shared).set(bytes);
        this.#order({ kind: 'send', to: rank, bytes: shared });
      },
      listen: (listener) => {
        this.#listeners.set(channelOf(rank, channel), listener);
        if (this.#failure !== undefined) listener.failure(this.#failure);
        for (const { channel: early, message } of this.#early.splice(0)) this.#deliver(early, message);
      },
      terminate: async () => {},
    };
  }

  attach(wire: WireBlocks): void {
    this.#order({ kind: 'attach', wire });
  }

  /**
   * Leaves the library, as all ranks must.
   *
   * @throws DecadeError `resource` for one that does not
   */
  async end(): Promise<void> {
    if (this.#failure === undefined) this.#order({ kind: 'end' });
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      // Who is silent before that is named by the thread.
      timer = setTimeout(resolve, 1_000 * this.#leaving);
    });
    const how = await Promise.race([this.#parted, this.#whenFailed, limit]).finally(() => clearTimeout(timer));
    if (how === 'ended') return;
    if (this.#failure === undefined) await exitsWithoutThread();
    if (how === 'in use') return;
    throw new DecadeError('resource', {
      where: `rank ${this.rank}`,
      received: this.#failure ?? `not all ranks have left within ${this.#leaving} s`,
      next: 'all work was done by then, and what was written is whole',
    });
  }

  #order(order: NetworkOrder): void {
    this.#orders.postMessage(order);
    ring(this.bell);
  }

  #deliver(channel: string, message: unknown): void {
    const listener = this.#listeners.get(channel);
    if (listener === undefined) this.#early.push({ channel, message });
    else listener.message(message);
  }

  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#failed();
    for (const listener of this.#listeners.values()) listener.failure(reason);
  }
}

const shortestLeave = 20;

function channelOf(rank: number, channel: number): string {
  return `${rank}/${channel}`;
}

/** @throws DecadeError `usage` for what is no number of seconds */
function secondsOf({ variable, seconds }: { readonly variable: string; readonly seconds: number }): number {
  const given = process.env[variable];
  if (given === undefined || given === '') return seconds;
  if (Number(given) > 0 && Number.isFinite(Number(given))) return Number(given);
  throw new DecadeError('usage', { where: variable, received: given, allowed: `seconds, more than 0 (default: ${seconds})` });
}

/** Says what the library does not while it waits. Which ranks have come, only they can say. */
function waitingTimers({ rank, size }: Launched, limit: number, warn: (message: string) => void) {
  const timers: NodeJS.Timeout[] = [];
  const after = (seconds: number, act: () => void) => timers.push(setTimeout(act, 1_000 * seconds));
  if (rank === 0 && patience < limit) {
    after(patience, () =>
      warn(`MPI: not all ${size} ranks have come after ${patience} s; if one has ended, stop all and start them again`),
    );
  }
  if (rank > 0) after(almost * limit, () => warn(`MPI: rank ${rank} (${hostname()}) has come, and waits for others`));
  return {
    // Others end with rank 0, unless it is the one that has not come.
    limit: (act: () => void) => after(rank === 0 ? limit : limit + patience, act),
    clear: () => {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** From now on the process ends without its thread, which does not return from a call of the library and would be waited for. */
async function exitsWithoutThread(): Promise<void> {
  const foreign = await ForeignInterface.load();
  const exit = foreign instanceof ForeignInterface ? foreign.ofProcess('_exit', 'int', ['int']) : undefined;
  process.once('exit', (code) => {
    exit?.(code);
    process.kill(process.pid, 'SIGKILL');
  });
}

const names = { openmpi: 'Open MPI', mpich: 'MPICH', pmix: 'Slurm with PMIx' } as const;

function notCome({ size }: Launched, seconds: number): DecadeError {
  return new DecadeError('resource', {
    where: `MPI on ${hostname()}`,
    received: `not all ${size} ranks have come within ${seconds} s`,
    allowed: `all, each with the same command; those that have come say so above`,
    next: `see why others do not start, or give them more time with ${limits.start.variable}=SECONDS, and start all again`,
  });
}

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
