import assert from 'node:assert/strict';
import { randomKey, uniform } from '../../src/core/random.js';
import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../../src/tensor/matrix.js';
import type { Memory } from '../../src/tensor/memory.js';

export interface Shape {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
  accumulate: boolean;
}

/** Fills the matrices of a product at `offset` with random numbers. */
export function place(memory: Memory, offset: number, shape: Shape, seed: number): MatrixProduct {
  const { m, n, k } = shape;
  const key = randomKey(seed, 'initialise', m, n, k);
  const { f32 } = memory;
  for (let at = 0; at < m * k + n * k + m * n; at++) f32[offset / 4 + at] = uniform(key, at) - 0.5;
  return { ...shape, a: offset, b: offset + 4 * m * k, c: offset + 4 * (m * k + n * k) };
}

/** The largest difference from a product in float64, relative to sum |a| |b|. */
export function relativeError(memory: Memory, product: MatrixProduct, multiply: () => void): number {
  const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
  const start = memory.f32.slice(c / 4, c / 4 + m * n);
  multiply();
  const { f32 } = memory;
  let largest = 0;
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = accumulate ? (start[row * n + column] as number) : 0;
      let magnitude = Math.abs(sum);
      for (let at = 0; at < k; at++) {
        const left = f32[a / 4 + (transposeA ? at * m + row : row * k + at)] as number;
        const right = f32[b / 4 + (transposeB ? column * k + at : at * n + column)] as number;
        sum += left * right;
        magnitude += Math.abs(left * right);
      }
      const error = Math.abs((f32[c / 4 + row * n + column] as number) - sum) / magnitude;
      if (!(error <= largest)) largest = error;
    }
  }
  return largest;
}

export function assertAgrees(memory: Memory, provider: MatrixProvider, offset: number, shape: Shape): void {
  const product = place(memory, offset, shape, 1);
  const { m, n, k, a, b, c, transposeB, accumulate } = product;
  const error = relativeError(memory, product, () => provider.multiply(product));
  assert.ok(error < 2e-6, `${JSON.stringify(product)}: error ${error}`);
  if (shape.transposeA) return;
  const packed: PackedMatrix = provider.pack(n, k, b, transposeB);
  for (let repeat = 0; repeat < 2; repeat++) {
    const packedError = relativeError(memory, product, () => packed.multiply(m, a, c, accumulate));
    assert.ok(packedError < 2e-6, `packed ${JSON.stringify(product)}: error ${packedError}`);
  }
  packed.release();
}
