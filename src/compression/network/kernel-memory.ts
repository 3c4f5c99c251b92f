import { hasRelaxedSimd } from '../../tensor/kernels/relaxed-simd.js';
import type { NetworkKernels } from './kernels.js';
import { plainKernels } from './plain-kernels.js';

/** What computes with multiplication and addition apart: both give the same bits. */
export const engines = ['webassembly', 'javascript'] as const;
/** Fused arithmetic rounds a product and a sum once; engines that fuse them give the same bits. */
export type Engine = (typeof engines)[number] | 'fused webassembly';

export interface KernelMemory {
  readonly kernels: NetworkKernels;
  readonly values: Float32Array;
  readonly integers: Int32Array;
}

const pageBytes = 65_536;
const mostPages = 65_536;
const modules = {
  webassembly: once(() => import('./generated/kernels.js')),
  'fused webassembly': once(() => import('./generated/fused-kernels.js')),
};

/** Kernels with a memory of their own, all zeros. */
export async function kernelMemory(bytes: number, engine: Engine): Promise<KernelMemory> {
  if (engine === 'javascript') {
    const buffer = new ArrayBuffer(16 * Math.ceil(bytes / 16));
    return { kernels: plainKernels(buffer), values: new Float32Array(buffer), integers: new Int32Array(buffer) };
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes), maximum: mostPages });
  const { exports } = await WebAssembly.instantiate(await modules[engine](), { env: { memory } });
  return {
    kernels: exports as unknown as NetworkKernels,
    values: new Float32Array(memory.buffer),
    integers: new Int32Array(memory.buffer),
  };
}

/** Whether this engine has fused arithmetic, on this processor: (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 when it is rounded once, and 0 when twice. */
export async function fusesProducts(): Promise<boolean> {
  if (!hasRelaxedSimd()) return false;
  const { kernels, values } = await kernelMemory(pageBytes, 'fused webassembly');
  const [sums, matrix, factors, size] = [0, 16, 80, 4];
  values.fill(-(1 + 2 ** -11), sums, size);
  values.fill(1 + 2 ** -12, matrix / 4, matrix / 4 + size);
  values[factors / 4] = 1 + 2 ** -12;
  kernels.addProducts(sums, matrix, factors, size, size);
  return values[0] === 2 ** -24;
}

function once(build: () => Promise<{ webAssembly: string }>): () => Promise<WebAssembly.Module> {
  let compiled: Promise<WebAssembly.Module> | undefined;
  return () => {
    compiled ??= build().then(({ webAssembly }) => WebAssembly.compile(bytesOf(webAssembly)));
    return compiled;
  };
}

function bytesOf(hexadecimal: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hexadecimal.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(hexadecimal.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
