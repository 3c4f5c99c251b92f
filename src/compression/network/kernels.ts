import { plainKernels } from './plain-kernels.js';

/** Arrays are given by their addresses in the kernels' memory, lists of arrays as arrays of addresses. See assembly/kernels.ts for each. */
export interface NetworkKernels {
  sumRows(y: number, list: number, rows: number, width: number): void;
  addProducts(y: number, matrix: number, x: number, rows: number, width: number): void;
  innerProducts(y: number, matrix: number, x: number, rows: number, width: number): void;
  distribution(x: number, frequencies: number, width: number): void;
  adagrad(list: number, rows: number, distance: number, gradient: number, width: number, rate: number): void;
  lstmForward(gates: number, before: number, cells: number, hidden: number, count: number): void;
  lstmBackward(gates: number, before: number, cells: number, own: number, recurrent: number, later: number, count: number): void;
  normalised(y: number, x: number, squares: number, count: number, decay: number, correction: number, scale: number): void;
  subtractOuterProduct(matrix: number, x: number, y: number, rows: number, width: number): void;
  rmsprop(
    weights: number,
    squares: number,
    x: number,
    d: number,
    rows: number,
    width: number,
    steps: number,
    rate: number,
    decay: number,
    correction: number,
  ): void;
}

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
