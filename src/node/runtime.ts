import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { DeviceThread, Runtime } from '../parallel/runtime.js';
import { remainingAddresses } from './address-space.js';
import { nodeFiles } from './files/files.js';
import { newMemory, releaseMemory } from './memories.js';
import { matrixChoices, openDevice } from './open-device.js';

/** decade on Node.js: the disk, worker threads, native matrix libraries. */
export const nodeRuntime: Runtime = {
  files: nodeFiles,
  cores: availableParallelism(),
  sharedMemory: true,
  newMemory,
  releaseMemory,
  openDevice,
  startThread,
  processorSeconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
};

/** MiB for a thread's compiled code: far more than a device has. Node's own choice is 512 MiB of addresses for each thread. */
const codeRangeSizeMb = 64;
/** Addresses of a thread in bytes: 150 MiB were measured, and it needs some to work with. */
const threadAddresses = 192 * 1024 ** 2;
/** Threads that have been started and have not taken their addresses yet. */
let starting = 0;

function startThread(): DeviceThread {
  const addresses = remainingAddresses();
  // Where the addresses for its heap are missing, a thread ends the whole process.
  if (addresses !== undefined && addresses < threadAddresses * (starting + 1)) {
    return deadThread('no addresses are left for its thread', 'raise the limit (`ulimit -v`), or use fewer devices (--devices)');
  }
  let worker: Worker;
  try {
    // By way of its folder, so that it is found from the file that the command is made into, too.
    worker = new Worker(new URL('../node/device-thread.js', import.meta.url), {
      workerData: matrixChoices(),
      resourceLimits: { codeRangeSizeMb },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return deadThread(`its thread cannot be started (${reason})`, 'use fewer devices (--devices)');
  }
  starting++;
  let isStarting = true;
  const started = () => {
    if (isStarting) starting--;
    isStarting = false;
  };
  worker.once('online', started);
  worker.once('exit', started);
  let ended = false;
  return {
    post: (message) => worker.postMessage(message),
    listen({ message, failure }) {
      worker.on('message', message);
      worker.on('error', (error) => failure(`stopped by an error: ${error instanceof Error ? error.message : String(error)}`));
      worker.on('exit', (code) => {
        if (!ended) failure(`its thread ended unexpectedly (exit code ${code})`);
      });
    },
    async terminate() {
      ended = true;
      await worker.terminate();
    },
  };
}

/** A thread that was never there. */
function deadThread(reason: string, next: string): DeviceThread {
  return {
    post: () => {},
    listen: ({ failure }) => queueMicrotask(() => failure(reason, next)),
    terminate: async () => {},
  };
}
