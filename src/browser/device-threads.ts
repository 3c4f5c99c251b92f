import type { DeviceThread, ThreadPort } from '../parallel/runtime.js';

/** The name of a worker that is a device of another. */
const deviceName = 'decade device';

/** Whether this worker is to be a device of the one that started it. */
export function isDevice(): boolean {
  return self.name === deviceName;
}

/** The program of this worker a second time, as a device: so no other file has to be found, however a bundler named this one. */
export function startDevice(): DeviceThread {
  const worker = new Worker(self.location.href, { type: 'module', name: deviceName });
  return {
    post: (message) => worker.postMessage(message),
    listen({ message, failure }) {
      worker.onmessage = ({ data }: MessageEvent<unknown>) => message(data);
      worker.onerror = (event) => {
        event.preventDefault();
        failure(event.message || 'its worker could not be started', 'load the model with fewer threads');
      };
    },
    terminate: async () => worker.terminate(),
  };
}

/** What this worker, a device, sees of the one that started it. */
export function devicePort(runtime: Pick<ThreadPort, 'newMemory' | 'openDevice'>): ThreadPort {
  return {
    post: (message) => self.postMessage(message),
    listen: (handler) => self.addEventListener('message', ({ data }: MessageEvent<unknown>) => handler(data)),
    newMemory: runtime.newMemory,
    openDevice: runtime.openDevice,
  };
}
