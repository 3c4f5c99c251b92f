import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniform } from '../../src/core/random.js';
import { openIntegerMultiply } from '../../src/node/machine-code/integer-multiply.js';
import type { IntegerMultiply } from '../../src/tensor/kernels/integer-check.js';
import { integerTileBytes } from '../../src/tensor/kernels/integer-kernels.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { Memory } from '../../src/tensor/memory.js';

const sizes = [
  [1, 1, 1],
  [1, 8, 4],
  [2, 9, 5],
  [3, 24, 63],
  [4, 7, 64],
  [5, 40, 100],
  [6, 16, 128],
  [7, 33, 512],
  [12, 8, 3],
  [41, 70, 130],
] as const;

const memory = new Memory({ shared: true });
const kernels = await loadKernels(memory, { relaxed: false });
const multiply = await openIntegerMultiply(memory, kernels);

test('products of integers in machine code have the bits of the portable ones, and nothing beside them changes', {
  skip: multiply === undefined && 'this processor or system has no AVX2',
}, () => {
  assert.ok(multiply !== undefined);
  for (const [m, n, k] of sizes) {
    for (const beside of [0, 3]) {
      const stride = n + beside;
      const block = memory.allocate(4 * (m * k + n * k + m * stride));
      const packed = memory.allocate(kernels.integerPackedBytes(n, k));
      const tile = memory.allocate(kernels.integerScratchBytes(m, k));
      const [a, b, c] = [block.offset, block.offset + 4 * m * k, block.offset + 4 * (m + n) * k];
      const key = randomKey(3, 'initialise', m, n, k);
      for (let at = 0; at < (m + n) * k; at++) memory.f32[a / 4 + at] = (uniform(key, at) - 0.4) * (1 + (at % 7));
      kernels.integerPack(n, k, b, k, packed.offset);
      kernels.integerRows(m, k, a, k, tile.offset + integerTileBytes);
      for (const accumulate of [0, 1]) {
        const resultOf = (each: IntegerMultiply): Int32Array => {
          memory.f32.fill(0.125, c / 4, c / 4 + m * stride);
          each(m, n, k, tile.offset + integerTileBytes, packed.offset, c, stride, accumulate, tile.offset);
          return memory.i32.slice(c / 4, c / 4 + m * stride);
        };
        assert.deepEqual(
          resultOf(multiply),
          resultOf(kernels.integerMultiply),
          `${m} ${n} ${k}, ${beside} beside, accumulate ${accumulate}`,
        );
      }
      for (const each of [tile, packed, block]) memory.free(each);
    }
  }
});
