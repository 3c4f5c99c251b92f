import { randomKey, uniform } from '../../core/random.js';
import type { Memory } from '../memory.js';
import { type IntegerKernels, integerTileBytes } from './integer-kernels.js';

/** The loop over products of integers, of which there may be several on a machine: all with the same result, to the bit. */
export type IntegerMultiply = IntegerKernels['integerMultiply'];

const sizes = [
  [1, 1, 1],
  [5, 13, 7],
  [6, 16, 64],
  [13, 21, 130],
] as const;

/** Kernels of which it is known whether the engine computes the relaxed product of bytes as it is meant; V8 11.3 does not. */
const decided = new WeakSet<IntegerKernels>();

/** Lets the kernels use the fastest of their loops that is right. To be called before their products are. */
export function chooseIntegerLoop(memory: Memory, kernels: IntegerKernels): void {
  if (decided.has(kernels)) return;
  const multiplyBy =
    (dots: number): IntegerMultiply =>
    (...product) => {
      kernels.useByteDots(dots);
      kernels.integerMultiply(...product);
    };
  kernels.useByteDots(Number(sameIntegerProducts(memory, kernels, multiplyBy(0), multiplyBy(1))));
  decided.add(kernels);
}

/** Whether two loops give the same bits for products of several sizes. An engine or a processor may be wrong. */
export function sameIntegerProducts(memory: Memory, kernels: IntegerKernels, one: IntegerMultiply, other: IntegerMultiply): boolean {
  return sizes.every(([m, n, k]) => {
    const key = randomKey(1, 'initialise', m, n, k);
    const block = memory.allocate(4 * ((m + n) * k + m * n));
    const packed = memory.allocate(kernels.integerPackedBytes(n, k));
    const tile = memory.allocate(kernels.integerScratchBytes(m, k));
    const [a, b, c] = [block.offset, block.offset + 4 * m * k, block.offset + 4 * (m + n) * k];
    for (let at = 0; at < (m + n) * k; at++) memory.f32[a / 4 + at] = uniform(key, at) - 0.4;
    kernels.integerPack(n, k, b, k, packed.offset);
    const rows = tile.offset + integerTileBytes;
    kernels.integerRows(m, k, a, k, rows);
    const resultOf = (multiply: IntegerMultiply) => {
      for (const accumulate of [0, 1]) multiply(m, n, k, rows, packed.offset, c, n, accumulate, tile.offset);
      return memory.i32.slice(c / 4, c / 4 + m * n).join();
    };
    const isSame = resultOf(one) === resultOf(other);
    for (const each of [tile, packed, block]) memory.free(each);
    return isSame;
  });
}
