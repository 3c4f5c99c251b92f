import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import type { MatrixProvider } from '../../src/tensor/matrix.js';
import { Memory } from '../../src/tensor/memory.js';
import { PackedWeights } from '../../src/tensor/packed-weights.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { openTestDevice } from './devices.js';

const device = await openTestDevice();

function tensorOf(shape: readonly [number, number], value: (index: number) => number): Tensor {
  const tensor = new Tensor(device.memory, device.memory.allocate(shape[0] * shape[1] * 4).offset, shape);
  return tensor.set(Array.from({ length: tensor.size }, (_, index) => value(index)));
}

test('weights are packed once, other matrices never, and every product is the same', () => {
  const counts = { packed: 0, released: 0, plain: 0 };
  const counting: MatrixProvider = {
    ...device.matrix,
    multiply(product) {
      counts.plain++;
      device.matrix.multiply(product);
    },
    pack(right) {
      counts.packed++;
      const packed = device.matrix.pack(right);
      return {
        ...packed,
        release() {
          counts.released++;
          packed.release();
        },
      };
    },
  };
  const weight = tensorOf([5, 7], (index) => Math.sin(index));
  const other = tensorOf([5, 7], (index) => Math.cos(index));
  const input = tensorOf([3, 7], (index) => index / 10 - 1);
  const [expected, actual] = [tensorOf([3, 5], () => 0), tensorOf([3, 5], () => 0)];
  const before = device.memory.allocatedBytes;
  const provider = new PackedWeights(counting, [weight]);
  const plain = { m: 3, n: 5, k: 7, a: input.offset, transposeA: false, transposeB: true };
  for (const b of [weight.offset, other.offset, weight.offset]) {
    for (const accumulate of [false, true]) {
      device.matrix.multiply({ ...plain, b, c: expected.offset, accumulate });
      provider.multiply({ ...plain, b, c: actual.offset, accumulate });
      assert.deepEqual(actual.toArray(), expected.toArray());
    }
  }
  const shared = provider.pack({ n: 5, k: 7, b: weight.offset, transposeB: true });
  shared.multiply({ m: 3, a: input.offset, c: actual.offset, accumulate: true });
  shared.release();
  device.matrix.multiply({ ...plain, b: weight.offset, c: expected.offset, accumulate: true });
  assert.deepEqual(actual.toArray(), expected.toArray());
  assert.deepEqual(counts, { packed: 1, released: 0, plain: 2 });

  provider.forget();
  weight.f32[0] = 3;
  device.matrix.multiply({ ...plain, b: weight.offset, c: expected.offset, accumulate: false });
  provider.multiply({ ...plain, b: weight.offset, c: actual.offset, accumulate: false });
  assert.deepEqual(actual.toArray(), expected.toArray());
  assert.deepEqual(counts, { packed: 2, released: 1, plain: 2 });
  provider.dispose();
  assert.equal(counts.released, 2);
  assert.ok(device.memory.allocatedBytes - before < 4096, 'only the scratch of the provider is kept');
});

test('where memory is nearly full a weight is not packed, and its products are the same', async () => {
  const memory = new Memory({ shared: false, maximumBytes: 64 * 1024 ** 2 });
  const provider = webAssemblyProvider(memory, await loadKernels(memory));
  const tensor = (shape: readonly [number, number]) => new Tensor(memory, memory.allocate(4 * shape[0] * shape[1]).offset, shape);
  const [weight, input, output] = [tensor([64, 32]), tensor([3, 32]), tensor([3, 64])];
  for (const { f32 } of [weight, input]) f32.set(f32.map((_, index) => Math.sin(index)));
  const products = [false, true].map((isNearlyFull) => {
    if (isNearlyFull) memory.allocate(memory.remainingBytes - 1024 ** 2);
    const before = memory.allocatedBytes;
    const packed = provider.pack({ n: 64, k: 32, b: weight.offset, transposeB: true });
    assert.equal(memory.allocatedBytes > before, !isNearlyFull);
    packed.multiply({ m: 3, a: input.offset, c: output.offset, accumulate: false });
    packed.release();
    return output.toArray();
  });
  assert.deepEqual(products[0], products[1]);
});
