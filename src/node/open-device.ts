import { isMainThread, workerData } from 'node:worker_threads';
import { matrixProviders, openMatrixProvider, type ProviderChoice } from '../platform/node/native/providers.js';
import type { Device } from '../tensor/device.js';
import { loadKernels } from '../tensor/kernels/load.js';
import { webAssemblyProvider } from '../tensor/kernels/provider.js';
import type { Memory } from '../tensor/memory.js';

/** The matrix library that was chosen for each wish (`''`: no wish), so that all threads of a process use the same. */
export type MatrixChoices = ReadonlyMap<string, ProviderChoice>;

const choices = new Map<string, ProviderChoice>(!isMainThread && workerData instanceof Map ? workerData : []);

/** What this thread knows, for the `workerData` of a thread it starts. */
export function matrixChoices(): MatrixChoices {
  return choices;
}

/** A device on this thread: kernels, and the fastest matrix library that works here, or the one that `gemm` names. */
export async function openDevice(memory: Memory, { gemm }: { gemm?: string | undefined } = {}): Promise<Device> {
  const kernels = await loadKernels(memory);
  const portable = webAssemblyProvider(memory, kernels);
  const chosen = choices.get(gemm ?? '');
  if (chosen !== undefined) return { memory, kernels, matrix: await openMatrixProvider(memory, portable, chosen) };
  const { provider, choice } = await matrixProviders(memory, portable, { gemm });
  choices.set(gemm ?? '', choice);
  return { memory, kernels, matrix: provider };
}
