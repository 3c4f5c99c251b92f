import type { Device } from '../tensor/device.js';
import { loadKernels } from '../tensor/kernels/load.js';
import { webAssemblyProvider } from '../tensor/kernels/provider.js';
import type { Memory } from '../tensor/memory.js';

/** A device on this thread: kernels, and the fastest matrix library that works here, or the one that `gemm` names. */
export async function openDevice(memory: Memory, _options: { gemm?: string | undefined } = {}): Promise<Device> {
  const kernels = await loadKernels(memory);
  return { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
}
