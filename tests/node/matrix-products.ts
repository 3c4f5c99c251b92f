import assert from 'node:assert/strict';
import { randomKey, uniform } from '../../src/core/random.js';
import type { MatrixProduct, MatrixProvider } from '../../src/tensor/matrix.js';
import type { Memory } from '../../src/tensor/memory.js';

export interface Shape {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
  accumulate: boolean;
  /** Columns beside each operand and beside the result, of the larger matrices whose columns they are. Default 0: contiguous. */
  beside?: readonly [a: number, b: number, c: number];
}

export type PlacedProduct = Required<Omit<MatrixProduct, 'sameA'>>;

/** Fills the matrices of a product at `offset`, and what lies beside them, with random numbers. */
export function place(memory: Memory, offset: number, { beside = [0, 0, 0], ...shape }: Shape, seed: number): PlacedProduct {
  const { m, n, k, transposeA, transposeB } = shape;
  const strideA = (transposeA ? m : k) + beside[0];
  const strideB = (transposeB ? k : n) + beside[1];
  const strideC = n + beside[2];
  const b = offset + 4 * (transposeA ? k : m) * strideA;
  const c = b + 4 * (transposeB ? n : k) * strideB;
  const key = randomKey(seed, 'initialise', m, n, k);
  const { f32 } = memory;
  const count = (c - offset) / 4 + m * strideC;
  for (let at = 0; at < count; at++) f32[offset / 4 + at] = uniform(key, at) - 0.5;
  return { ...shape, a: offset, strideA, b, strideB, c, strideC };
}

/** What a product adds to its matrix, in float64, and the sums of |a| |b|, row by row. */
interface ExactProduct {
  readonly sums: Float64Array;
  readonly magnitudes: Float64Array;
}

function exactProduct({ f32 }: Memory, product: PlacedProduct): ExactProduct {
  const { m, n, k, a, transposeA, strideA, b, transposeB, strideB } = product;
  const [sums, magnitudes] = [new Float64Array(m * n), new Float64Array(m * n)];
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let [sum, magnitude] = [0, 0];
      for (let at = 0; at < k; at++) {
        const left = f32[a / 4 + (transposeA ? at * strideA + row : row * strideA + at)] as number;
        const right = f32[b / 4 + (transposeB ? column * strideB + at : at * strideB + column)] as number;
        sum += left * right;
        magnitude += Math.abs(left * right);
      }
      sums[row * n + column] = sum;
      magnitudes[row * n + column] = magnitude;
    }
  }
  return { sums, magnitudes };
}

/** The largest difference from a product in float64, relative to sum |a| |b|; Infinity where anything beside the result changed. */
export function relativeError(
  memory: Memory,
  product: PlacedProduct,
  multiply: () => void,
  { sums, magnitudes } = exactProduct(memory, product),
): number {
  const { m, n, c, strideC, accumulate } = product;
  const start = memory.f32.slice(c / 4, c / 4 + m * strideC);
  multiply();
  const { f32 } = memory;
  let largest = 0;
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      const at = row * strideC + column;
      const before = accumulate ? (start[at] as number) : 0;
      const difference = (f32[c / 4 + at] as number) - (before + (sums[row * n + column] as number));
      const error = Math.abs(difference) / (Math.abs(before) + (magnitudes[row * n + column] as number));
      if (!(error <= largest)) largest = error;
    }
    for (let at = row * strideC + n; at < (row + 1) * strideC; at++) if (f32[c / 4 + at] !== start[at]) return Number.POSITIVE_INFINITY;
  }
  return largest;
}

/** By shape: every provider is compared with the same products. */
const exactProducts = new Map<string, ExactProduct>();

export function assertAgrees(memory: Memory, provider: MatrixProvider, offset: number, shape: Shape): void {
  const product = place(memory, offset, shape, 1);
  const { a: _a, b: _b, c: _c, accumulate: _accumulate, ...layout } = product;
  const key = JSON.stringify(layout);
  const exact = exactProducts.get(key) ?? exactProduct(memory, product);
  exactProducts.set(key, exact);
  const error = relativeError(memory, product, () => provider.multiply(product), exact);
  assert.ok(error < 2e-6, `${JSON.stringify(product)}: error ${error}`);
  if (shape.transposeA) return;
  const packed = provider.pack(product);
  for (let repeat = 0; repeat < 2; repeat++) {
    const packedError = relativeError(memory, product, () => packed.multiply(product), exact);
    assert.ok(packedError < 2e-6, `packed ${JSON.stringify(product)}: error ${packedError}`);
  }
  packed.release();
}

/** A product over no terms gives zeros, or what was there, and touches nothing beside it. */
export function assertAgreesOverNoTerms(memory: Memory, provider: MatrixProvider): void {
  const block = memory.allocate(64);
  const { offset } = block;
  const after = (multiply: () => void) => {
    memory.f32.fill(7, offset / 4, offset / 4 + 8);
    multiply();
    return Array.from(memory.f32.subarray(offset / 4, offset / 4 + 8));
  };
  for (const accumulate of [false, true]) {
    const expected = accumulate ? [7, 7, 7, 7, 7, 7, 7, 7] : [0, 0, 0, 7, 0, 0, 0, 7];
    for (const transposeA of [false, true]) {
      const product = { m: 2, n: 3, k: 0, a: offset, transposeA, b: offset, transposeB: false, c: offset, strideC: 4, accumulate };
      assert.deepEqual(
        after(() => provider.multiply(product)),
        expected,
      );
      if (transposeA) continue;
      const packed = provider.pack(product);
      assert.deepEqual(
        after(() => packed.multiply(product)),
        expected,
      );
      packed.release();
    }
  }
  memory.free(block);
}
