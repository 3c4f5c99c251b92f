import { DecadeError } from '../core/errors.js';
import type { Files, ReadableFiles } from '../core/files.js';
import type { Device } from '../tensor/device.js';
import type { Precision } from '../tensor/matrix.js';
import type { Memory } from '../tensor/memory.js';

/** What a device is opened for. */
export interface DeviceOptions {
  /** A matrix library by name. Default: the fastest that works. */
  readonly gemm?: string | undefined;
  /** Of the matrix products. Where bf16 is not to be had, the device's provider says f32. Default: f32. */
  readonly precision?: Precision | undefined;
  /** Told when what was asked for is not to be had, or not worth having, and why. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** What a platform (Node, a browser) gives the library; `node/` and `browser/` have this shape. */
export interface Runtime {
  readonly files: Files;
  /** Processor cores this process may use. */
  readonly cores: number;
  /** Whether memories can be shared with other threads. */
  readonly sharedMemory: boolean;
  /**
   * A memory whose contents are unspecified.
   *
   * @throws DecadeError `resource` when the process has no addresses for it
   */
  newMemory(): Memory;
  /** Takes back a memory that no thread uses any more. */
  releaseMemory(memory: Memory): Promise<void>;
  /** A device on this thread. */
  openDevice(memory: Memory, options?: DeviceOptions): Promise<Device>;
  /** Other processes that lend this one their devices. */
  readonly ranks?: LentRanks | undefined;
  /** Starts a thread, which may fail as one that dies, that runs `runDeviceThread` (device-thread.ts) with this runtime's devices. */
  startThread(): DeviceThread;
  /** Seconds that processors have worked for this process, all threads together. Undefined where the platform does not tell. */
  readonly processorSeconds?: (() => number) | undefined;
}

/** The shared blocks of a wire (`group/wire.ts`), for another thread. */
export interface WireBlocks {
  /** An Int32 on which the thread that owns the network waits for work. */
  readonly bell: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  /** The devices': the network reads and writes where they do. */
  readonly memory: WebAssembly.Memory;
}

/** The processes that a launcher of clusters started together, as one of them sees them. */
export interface RankNetwork {
  /** This process's number, from 0, and how many there are. */
  readonly rank: number;
  readonly size: number;
  /** Wakes the thread that owns the network (`ring`). */
  readonly bell: SharedArrayBuffer;
  /**
   * A thread in every rank: from rank 0 all others are reached, from those only rank 0. Its end ends the work of all. Each channel, a
   * number from 0, has messages and a listener of its own.
   */
  linkTo(rank: number, channel?: number): DeviceThread;
  /** Carries out the exchanges that devices leave in this wire, from now on, instead of those in the one before. */
  attach(wire: WireBlocks): void;
}

/** As rank 0 knows the ranks after they have introduced themselves. */
export interface LentRanks {
  readonly network: RankNetwork;
  /** In the order of ranks, this process's own first: the host, and the devices that it lends unless it is told how many. */
  readonly members: readonly { readonly host: string; readonly devices: number }[];
}

/** What using a model takes of a platform: of the files, only reading. */
export interface InferenceRuntime extends Omit<Runtime, 'files'> {
  readonly files: ReadableFiles;
}

/** Threads that any machine may start, and how many more where there are more cores. */
const mostDevices = { anywhere: 64, aCore: 4 } as const;

/**
 * The devices that are asked for; one a core by default.
 *
 * @throws DecadeError `usage` for so many that they would only wait for each other: each costs half a second to start, and 15 MiB
 */
export function checkedDevices({ cores }: Pick<Runtime, 'cores'>, devices = cores): number {
  const most = Math.max(mostDevices.anywhere, mostDevices.aCore * cores);
  if (devices <= most) return devices;
  throw new DecadeError('usage', {
    where: 'devices',
    received: String(devices),
    allowed: `at most ${most}`,
    next: `this machine has ${cores} ${cores === 1 ? 'core' : 'cores'}: more devices do not help`,
  });
}

/** Another thread, seen from the one that started it. Messages are structured clones. */
export interface DeviceThread {
  post(message: unknown): void;
  /** `message` receives what the thread posts; `failure` is called when it dies, with the reason, and where that is known the remedy. */
  listen(handlers: { message(message: unknown): void; failure(reason: string, next?: string): void }): void;
  terminate(): Promise<void>;
}

/** The other end: what a thread sees of the one that started it. */
export interface ThreadPort {
  post(message: unknown): void;
  listen(handler: (message: unknown) => void): void;
  newMemory(): Memory;
  openDevice(memory: Memory, options: DeviceOptions): Promise<Device>;
}
