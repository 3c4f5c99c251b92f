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
