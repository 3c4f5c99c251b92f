import type { LoadedKernels } from '../../../tensor/kernels/load.js';
import type { Memory } from '../../../tensor/memory.js';
import { ForeignInterface, MemoryAddresses } from '../../foreign.js';
import { sharedExecutableMemory } from '../executable-memory.js';
import { vectorSupport } from '../processor.js';
import { activate, activateGradient, activationKinds } from './activations.js';
import { Constants, KernelAssembler } from './kernel-assembler.js';

/** What each function of the code is called by, and how it is written. */
const writers = {
  ...Object.fromEntries(activationKinds.map((kind) => [`activate ${kind}`, (code: KernelAssembler) => activate(code, kind)])),
  ...Object.fromEntries(activationKinds.map((kind) => [`activateGradient ${kind}`, (code: KernelAssembler) => activateGradient(code, kind)])),
} as Readonly<Record<string, (code: KernelAssembler) => number>>;

/** Floats of a vector. */
const lanes = 8;

interface PointWiseCode {
  readonly code: Uint8Array;
  readonly starts: ReadonlyMap<string, number>;
  readonly constants: Constants;
}

let written: PointWiseCode | undefined;

/** Once a thread, as constants have places that the code knows. */
function pointWiseCode(): PointWiseCode {
  if (written !== undefined) return written;
  const constants = new Constants();
  const code = new KernelAssembler(constants);
  const starts = new Map(Object.entries(writers).map(([name, write]) => [name, write(code)]));
  written = { code: code.code, starts, constants };
  return written;
}

/**
 * The kernels, those of point-wise work in machine code for AVX2 where processor and system allow it: eight floats at a time instead of
 * four, and the same bits. What it does not cover (rows that are not whole vectors, dropout) stays with the kernels that are given, and
 * all does where the engine rounds products before it adds them.
 */
export async function withPointWiseCode(memory: Memory, kernels: LoadedKernels): Promise<LoadedKernels> {
  const foreign = await ForeignInterface.load();
  if (!(foreign instanceof ForeignInterface) || !vectorSupport('avx2', foreign).available) return kernels;
  const { code, starts, constants } = pointWiseCode();
  const executable = sharedExecutableMemory(foreign, 'point-wise work', () => code);
  if (!executable.available) return kernels;
  const { address, view } = foreign.structure(constants.blockBytes);
  const block = new Int32Array(view.buffer, view.byteOffset, view.byteLength / 4);
  constants.write(block);
  const addresses = new MemoryAddresses(memory, foreign);
  const bound = (name: string) => {
    const run = foreign.functionAt(executable.address + (starts.get(name) as number), 'void', ['int64_t', 'int64_t']);
    return (...values: number[]) => {
      for (let at = 0; at < values.length; at++) block[at] = values[at] as number;
      run(addresses.base, address);
    };
  };
  const [activates, gradients] = [
    activationKinds.map((kind) => bound(`activate ${kind}`)),
    activationKinds.map((kind) => bound(`activateGradient ${kind}`)),
  ];
  const faster: LoadedKernels = {
    ...kernels,
    activate(y, x, bias, rows, columns, kind) {
      if (columns % lanes !== 0 || rows === 0) return kernels.activate(y, x, bias, rows, columns, kind);
      return activates[kind]?.(y, x, bias, rows, 4 * columns);
    },
    activateGradient(dx, x, dy, biasGradient, rows, columns, kind) {
      if (columns % lanes !== 0 || rows === 0) return kernels.activateGradient(dx, x, dy, biasGradient, rows, columns, kind);
      return gradients[kind]?.(dx, x, dy, biasGradient, rows, 4 * columns);
    },
  };
  return hasSameBits(memory, kernels, faster) ? faster : kernels;
}

/** Whether both round alike, which depends on the engine: relaxed SIMD may fuse a product and a sum, or not. */
function hasSameBits(memory: Memory, one: LoadedKernels, other: LoadedKernels): boolean {
  const count = 64;
  const block = memory.allocate(2 * 4 * count);
  const [x, y] = [block.offset, block.offset + 4 * count];
  for (let at = 0; at < count; at++) memory.f32[x / 4 + at] = (at - count / 2) / 7;
  const resultOf = (kernels: LoadedKernels) => {
    kernels.activate(y, x, 0, 1, count, activationKinds.indexOf('gelu-tanh'));
    return memory.i32.slice(y / 4, y / 4 + count).join();
  };
  const isSame = resultOf(one) === resultOf(other);
  memory.free(block);
  return isSame;
}
