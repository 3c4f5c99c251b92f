import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { DeviceThread, Runtime } from '../parallel/runtime.js';
import { nodeFiles } from '../platform/node/files.js';
import { matrixChoices, openDevice } from './open-device.js';

/** decade on Node.js: the disk, worker threads, native matrix libraries. */
export const nodeRuntime: Runtime = {
  files: nodeFiles,
  cores: availableParallelism(),
  sharedMemory: true,
  openDevice,
  startThread,
};

function startThread(): DeviceThread {
  const worker = new Worker(new URL('./device-thread.js', import.meta.url), { workerData: matrixChoices() });
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
