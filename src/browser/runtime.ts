import { DecadeError } from '../core/errors.js';
import type { InferenceRuntime } from '../parallel/runtime.js';
import { type KernelBuilds, loadKernelsOf } from '../tensor/kernels/load.js';
import { webAssemblyProvider } from '../tensor/kernels/provider.js';
import { Memory } from '../tensor/memory.js';
import { fetchedFiles } from './fetched-files.js';

/** decade in a page's worker: files of web servers and one device, with a memory that needs no cross-origin isolation. */
export function browserRuntime(builds: KernelBuilds): InferenceRuntime {
  return {
    files: fetchedFiles(),
    cores: 1,
    sharedMemory: false,
    newMemory: () => new Memory({ shared: false }),
    // It goes with the worker.
    releaseMemory: async () => {},
    async openDevice(memory, { gemm = 'webassembly' } = {}) {
      if (gemm !== 'webassembly') {
        throw new DecadeError('usage', { where: 'gemm', received: gemm, allowed: 'webassembly, the only one in a browser' });
      }
      const kernels = await loadKernelsOf(builds, memory).catch(refuseKernels);
      return { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
    },
    startThread() {
      throw new Error('a browser computes on one thread');
    },
  };
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
