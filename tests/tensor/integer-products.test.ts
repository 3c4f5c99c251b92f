import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomKey, uniform } from '../../src/core/random.js';
import { IntegerProducts } from '../../src/tensor/integer-products.js';
import { hasRelaxedSimd } from '../../src/tensor/kernels/relaxed-simd.js';
import { PackedWeights } from '../../src/tensor/packed-weights.js';
import { timesTransposedIntegers } from '../../src/tensor/reference/integer-product.js';
import { plain } from '../../src/tensor/reference/plain.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { openTestDevice } from './devices.js';

const sizes = [
  [1, 1, 1],
  [2, 8, 4],
  [1, 9, 5],
  [3, 17, 64],
  [5, 30, 127],
  [2, 7, 259],
  [33, 16, 18],
] as const;

/** Values of every size and sign; some rows have one sign, one is all zeros. */
function valuesOf(rows: number, columns: number, seed: number): Float32Array {
  const key = randomKey(seed, 'initialise', rows, columns);
  return Float32Array.from({ length: rows * columns }, (_, index) => {
    const row = Math.floor(index / columns);
    const value = (uniform(key, index) - 0.5) * 10 ** ((row % 5) - 2);
    return row % 4 === 3 ? 0 : row % 3 === 1 ? Math.abs(value) : value;
  });
}

for (const relaxed of [false, ...(hasRelaxedSimd() ? [true] : [])]) {
  describe(`products with integers, ${relaxed ? 'relaxed' : 'plain'} SIMD`, async () => {
    const device = await openTestDevice({ relaxed });
    const tensor = (values: Float32Array, shape: readonly number[]) =>
      new Tensor(device.memory, device.memory.allocate(values.length * 4).offset, shape).set(values);

    test('have the bits of the reference, whatever the sizes', () => {
      for (const [m, n, k] of sizes) {
        const [left, right] = [valuesOf(m, k, 1), valuesOf(n, k, 2)];
        const expected = timesTransposedIntegers(plain([m, k], left), plain([n, k], right));
        const [input, weight, output] = [tensor(left, [m, k]), tensor(right, [n, k]), tensor(new Float32Array(m * n), [m, n])];
        const integers = new IntegerProducts(device.matrix, [weight], device);
        const provider = new PackedWeights(integers, [weight]);
        const product = { m, n, k, a: input.offset, transposeA: false, b: weight.offset, transposeB: true, c: output.offset };
        provider.multiply({ ...product, accumulate: false });
        assert.deepEqual(
          output.toArray(),
          [...expected.values].map((value) => value + 0),
          `${m} ${n} ${k}`,
        );
        provider.multiply({ ...product, accumulate: true });
        assert.deepEqual(
          output.toArray(),
          [...expected.values].map((value) => Math.fround(value + value)),
          `${m} ${n} ${k}, added`,
        );
        provider.dispose();
        integers.dispose();
      }
    });

    test('are near the exact ones, and weights that are integers already stay what they are', () => {
      const [m, n, k] = [4, 24, 96];
      const right = Float32Array.from(valuesOf(n, k, 5), (value, index) =>
        Math.fround((index % k === 0 ? 127 : Math.round(value * 2) % 127) * Math.fround(0.013)),
      );
      const left = Float32Array.from({ length: m * k }, (_, index) => (index % k === 0 ? 124 : ((index * 7) % 128) - 3));
      for (let row = 0; row < m; row++) left[row * k + 1] = -3;
      const [input, weight, output] = [tensor(left, [m, k]), tensor(right, [n, k]), tensor(new Float32Array(m * n), [m, n])];
      const integers = new IntegerProducts(device.matrix, [weight], device);
      const packed = integers.pack({ n, k, b: weight.offset, transposeB: true });
      packed.multiply({ m, a: input.offset, c: output.offset, accumulate: false });
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          let [exact, size] = [0, 0];
          for (let at = 0; at < k; at++) {
            const term = (left[row * k + at] ?? 0) * (right[column * k + at] ?? 0);
            exact += term;
            size += Math.abs(term);
          }
          // These activations are integers themselves, within 127 steps.
          assert.ok(Math.abs((output.f32[row * n + column] ?? 0) - exact) <= 1e-5 * size);
        }
      }
      integers.dispose();
    });

    test('show values that are no numbers', () => {
      const [input, weight, output] = [
        tensor(Float32Array.of(1, NaN, 2, 3), [2, 2]),
        tensor(Float32Array.of(1, 2), [1, 2]),
        tensor(new Float32Array(2), [2, 1]),
      ];
      const integers = new IntegerProducts(device.matrix, [weight], device);
      integers
        .pack({ n: 1, k: 2, b: weight.offset, transposeB: true })
        .multiply({ m: 2, a: input.offset, c: output.offset, accumulate: false });
      assert.ok(Number.isNaN(output.f32[0]) && Math.abs((output.f32[1] ?? 0) - 8) < 0.1);
      integers.dispose();
    });

    test('of other matrices are those of the provider below, and disposing gives all room back', () => {
      const [weight, other] = [tensor(valuesOf(8, 8, 3), [8, 8]), tensor(valuesOf(8, 8, 4), [8, 8])];
      const output = tensor(new Float32Array(64), [8, 8]);
      const before = device.memory.allocatedBytes;
      const integers = new IntegerProducts(device.matrix, [weight], device);
      const product = {
        m: 8,
        n: 8,
        k: 8,
        a: other.offset,
        transposeA: false,
        b: other.offset,
        transposeB: true,
        c: output.offset,
        accumulate: false,
      };
      device.matrix.multiply(product);
      const expected = output.toArray();
      new PackedWeights(integers, [weight]).multiply(product);
      assert.deepEqual(output.toArray(), expected);
      integers
        .pack({ n: 8, k: 8, b: weight.offset, transposeB: true })
        .multiply({ m: 8, a: other.offset, c: output.offset, accumulate: false });
      assert.notDeepEqual(output.toArray(), expected);
      integers.dispose();
      device.matrix.dispose();
      assert.equal(device.memory.allocatedBytes, before);
    });
  });
}
