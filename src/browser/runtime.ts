import { DecadeError } from '../core/errors.js';
import type { Runtime } from '../parallel/runtime.js';
import { type KernelBuilds, loadKernelsOf } from '../tensor/kernels/load.js';
import { webAssemblyProvider } from '../tensor/kernels/provider.js';
import { Memory } from '../tensor/memory.js';
import { startDevice } from './device-threads.js';

/** What a page's worker gives the library, but for files. */
export type BrowserPlatform = Omit<Runtime, 'files'>;

/**
 * decade in a page's worker: the kernels of its engine, and further workers on a shared memory.
 *
 * @param threads  more than one needs a page that is cross-origin isolated
 */
export function browserPlatform(builds: KernelBuilds, threads: number): BrowserPlatform {
  const shared = threads > 1;
  return {
    cores: threads,
    sharedMemory: shared,
    newMemory: () => newMemory(shared),
    // It goes with the worker.
    releaseMemory: async () => {},
    async openDevice(memory, { gemm = 'webassembly' } = {}) {
      if (gemm !== 'webassembly') {
        throw new DecadeError('usage', { where: 'gemm', received: gemm, allowed: 'webassembly, the only one in a browser' });
      }
      const kernels = await loadKernelsOf(builds, memory).catch(refuseKernels);
      return { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
    },
    startThread: startDevice,
  };
}

const gibibyte = 1024 ** 3;

/** As large as it may become: on phones a browser reserves less than on a desk. */
function newMemory(shared: boolean): Memory {
  let cause: unknown;
  for (const maximumBytes of [4 * gibibyte, 2 * gibibyte, gibibyte, gibibyte / 2]) {
    try {
      return new Memory({ shared, maximumBytes });
    } catch (error) {
      cause = error;
    }
  }
  const next = 'close other pages, or dispose of models that are not needed';
  throw new DecadeError('resource', { where: 'memory', received: 'a browser that has no room for a model', next, cause });
}

function refuseKernels(cause: unknown): never {
  throw new DecadeError('resource', {
    where: 'kernels',
    received: `a browser that does not compile them (${cause instanceof Error ? cause.message : String(cause)})`,
    allowed: 'WebAssembly with SIMD',
    next: "update the browser; a page with a content security policy must allow it (script-src 'wasm-unsafe-eval')",
    cause,
  });
}
