import { Memory } from '../tensor/memory.js';
import type { Precision } from '../tensor/matrix.js';
import { measureCosts } from './measured-costs.js';
import type { PipelineReply, PipelineRequest } from './pipeline-messages.js';
import { RemoteDevice } from './remote-device.js';
import type { DeviceOptions, Runtime } from './runtime.js';
import type { Network } from './schedule.js';
import type { Costs } from './simulate.js';

/** What a computation on so many devices of this machine costs. */
export interface MachineCosts {
  /** Of a device while `devices` work, itself counted. */
  of(devices: number): Costs;
  /** The matrix library, and what it multiplies in. */
  readonly gemm: string;
  readonly precision: Precision;
}

/** Fields of the block through which threads that keep the machine busy are told. */
export const busyFields = { begun: 0, enough: 1 } as const;

/**
 * Measures twice: alone, and while every other core does the same. Devices share caches, memory bandwidth and the clock's
 * budget, so one beside others is slower than one alone: by how much is measured, not assumed.
 */
export async function measureMachine(
  runtime: Runtime,
  network: Network,
  sentences: number,
  options: DeviceOptions = {},
): Promise<MachineCosts> {
  const device = await runtime.openDevice(new Memory({ shared: runtime.sharedMemory }), options);
  try {
    const alone = measureCosts(device, network, sentences);
    const hasCompany = runtime.sharedMemory && runtime.cores > 1;
    const beside = hasCompany
      ? await amongOthers(runtime, network, sentences, options, () => measureCosts(device, network, sentences))
      : alone;
    return {
      of: (devices) => (devices === 1 ? alone : beside),
      gemm: device.matrix.name,
      precision: device.matrix.precision,
    };
  } finally {
    device.matrix.dispose();
  }
}

/** Measures while a thread for every other core measures, too. */
async function amongOthers(
  runtime: Runtime,
  network: Network,
  sentences: number,
  { gemm, precision }: DeviceOptions,
  measure: () => Costs,
): Promise<Costs> {
  const others = runtime.cores - 1;
  const fields = new Int32Array(new SharedArrayBuffer(8));
  const remotes = Array.from(
    { length: others },
    (_, index): RemoteDevice<PipelineRequest, PipelineReply> => new RemoteDevice(runtime.startThread(), index + 1, () => undefined),
  );
  try {
    const ended = Promise.all(
      remotes.map((remote) => remote.ask('kept', { kind: 'keepBusy', fields, network, sentences, gemm, precision })),
    );
    const begun = async () => {
      while (Atomics.load(fields, busyFields.begun) < others) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    await Promise.race([begun(), ended]);
    const costs = measure();
    Atomics.store(fields, busyFields.enough, 1);
    await ended;
    return costs;
  } finally {
    // Ends the wait for a thread that will never begin.
    Atomics.store(fields, busyFields.begun, others);
    await Promise.all(remotes.map((remote) => remote.terminate()));
  }
}
