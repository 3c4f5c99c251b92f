import type { NetworkKernels } from './kernels.js';
import { plainKernels } from './plain-kernels.js';

/** What computes: both give the same bits. */
export const engines = ['webassembly', 'javascript'] as const;
export type Engine = (typeof engines)[number];

export interface KernelMemory {
  readonly kernels: NetworkKernels;
  readonly values: Float32Array;
  readonly integers: Int32Array;
}

const pageBytes = 65_536;
const mostPages = 65_536;
let compiled: Promise<WebAssembly.Module> | undefined;

/** Kernels with a memory of their own, all zeros. */
export async function kernelMemory(bytes: number, engine: Engine): Promise<KernelMemory> {
  if (engine === 'javascript') {
    const buffer = new ArrayBuffer(16 * Math.ceil(bytes / 16));
    return { kernels: plainKernels(buffer), values: new Float32Array(buffer), integers: new Int32Array(buffer) };
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes), maximum: mostPages });
  compiled ??= import('./generated/kernels.js').then(({ webAssembly }) => WebAssembly.compile(bytesOf(webAssembly)));
  const { exports } = await WebAssembly.instantiate(await compiled, { env: { memory } });
  return {
    kernels: exports as unknown as NetworkKernels,
    values: new Float32Array(memory.buffer),
    integers: new Int32Array(memory.buffer),
  };
}

function bytesOf(hexadecimal: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hexadecimal.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(hexadecimal.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
