import type { Precision } from '../../tensor/matrix.js';
import { measureCosts, type MeasuredWork } from './measured-costs.js';
import type { PipelineReply, PipelineRequest } from './messages.js';
import { RemoteDevice } from '../group/remote-device.js';
import type { DeviceOptions, Runtime } from '../runtime.js';
import type { Task } from '../schedule/schedule.js';
import type { Costs } from '../simulation/simulate.js';

/** What a computation on so many devices of this machine costs. */
export interface MachineCosts {
  /** Of a device while `devices` work, itself counted. */
  of(devices: number): Costs;
  /** The matrix library, and what it multiplies in. */
  readonly gemm: string;
  readonly precision: Precision;
}

/** Fields of the block through which threads that keep the machine busy are told. */
export const busyFields = { begun: 0, enough: 1, call: 2, answer: 3 } as const;
/** How often the thread that answers is called. */
export const calls = 30;

/**
 * Measures twice: alone, and while every other core does the same. Devices share caches, memory bandwidth and the clock's
 * budget, so one beside others is slower than one alone: by how much is measured, not assumed.
 */
export async function measureMachine(runtime: Runtime, work: MeasuredWork, options: DeviceOptions = {}): Promise<MachineCosts> {
  const memory = runtime.newMemory();
  const device = await runtime.openDevice(memory, options);
  try {
    const alone = measureCosts(device, work);
    const hasCompany = runtime.sharedMemory && runtime.cores > 1;
    const beside = hasCompany ? dearer(alone, await amongOthers(runtime, work, options, () => measureCosts(device, work))) : alone;
    return {
      of: (devices) => (devices === 1 ? alone : beside),
      gemm: device.matrix.name,
      precision: device.matrix.precision,
    };
  } finally {
    device.matrix.dispose();
    await runtime.releaseMemory(memory);
  }
}

/** Nothing is faster beside others than alone: where it seemed to be, the machine was disturbed. */
function dearer(alone: Costs, beside: Costs): Costs {
  return { ...beside, seconds: (task: Task) => Math.max(alone.seconds(task), beside.seconds(task)) };
}

/** Measures while a thread for every other core measures, too. */
async function amongOthers(runtime: Runtime, work: MeasuredWork, { gemm, precision }: DeviceOptions, measure: () => Costs): Promise<Costs> {
  const others = runtime.cores - 1;
  const fields = new Int32Array(new SharedArrayBuffer(4 * Object.keys(busyFields).length));
  const remotes = Array.from(
    { length: others },
    (_, index): RemoteDevice<PipelineRequest, PipelineReply> =>
      new RemoteDevice(runtime.startThread(), `device ${index + 1}`, () => undefined),
  );
  try {
    const ended = Promise.all(
      remotes.map((remote, index) => remote.ask('kept', { kind: 'keepBusy', answers: index === 0, fields, work, gemm, precision })),
    );
    const begun = async () => {
      while (Atomics.load(fields, busyFields.begun) < others) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    await Promise.race([begun(), ended]);
    const latency = secondsToWake(fields);
    const costs = measure();
    Atomics.store(fields, busyFields.enough, 1);
    await ended;
    return { ...costs, handOver: { ...costs.handOver, latency } };
  } finally {
    // Ends the wait for a thread that will never begin.
    Atomics.store(fields, busyFields.begun, others);
    await Promise.all(remotes.map((remote) => remote.terminate()));
  }
}

/** Median time in which a thread that sleeps, as one that waits for a layer mostly does, sees what this one has written. */
function secondsToWake(fields: Int32Array): number {
  const times: number[] = [];
  for (let call = 1; call <= calls; call++) {
    pause(1);
    const start = performance.now();
    Atomics.store(fields, busyFields.call, call);
    Atomics.notify(fields, busyFields.call);
    while (Atomics.load(fields, busyFields.answer) < call && performance.now() < start + 100);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return (times[times.length >> 1] as number) / 1000;
}

/** Lets the other thread fall asleep, without falling asleep itself. */
function pause(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** What the first of the other threads does meanwhile. */
export function answerCalls(fields: Int32Array): void {
  for (let call = 1; call <= calls; call++) {
    while (Atomics.load(fields, busyFields.call) < call) {
      if (Atomics.load(fields, busyFields.enough) !== 0) return;
      Atomics.wait(fields, busyFields.call, call - 1, 100);
    }
    Atomics.store(fields, busyFields.answer, call);
  }
}
