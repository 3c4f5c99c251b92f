import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, randomKey } from '../../src/core/random.js';
import { Scope } from '../../src/tensor/device.js';
import { inPlace, MatrixWrapper, type PackedMatrix, type RightMatrix } from '../../src/tensor/matrix.js';
import { Arena } from '../../src/tensor/memory.js';
import { softmaxCrossEntropy } from '../../src/tensor/operations/softmax-cross-entropy.js';
import { openTestDevices } from './devices.js';

/** Counts what is packed, and what of it was given back. */
class Counting extends MatrixWrapper {
  packed = 0;
  released = 0;

  override pack(right: RightMatrix): PackedMatrix {
    this.packed++;
    const packed = super.pack(right);
    return {
      multiply: (product) => packed.multiply(product),
      release: () => {
        this.released++;
        packed.release();
      },
    };
  }
}

class Unpacked extends MatrixWrapper {
  override pack(right: RightMatrix): PackedMatrix {
    return inPlace(right, (product) => this.multiply(product));
  }
}

for (const { name, device } of await openTestDevices()) {
  const isPacked = device.matrix.packing === undefined;
  const title = isPacked ? 'packed once for many rows, and for few not at all' : "left to the library where packed ones are decade's own";
  test(`the output layer's weights are ${title}, with the same bits, ${name}`, () => {
    const [vocabulary, size] = [48, 16];
    const arena = new Arena(device.memory);
    const [counting, unpacked] = [new Counting(device.matrix), new Unpacked(device.matrix)];
    const losses = (matrix: MatrixWrapper, rows: number) => {
      const scope = new Scope({ ...device, matrix }, arena);
      const random = (shape: number[], key: number) => {
        const values = randomKey(3, 'sample', key);
        const tensor = scope.empty(shape);
        return tensor.set(Float32Array.from({ length: tensor.size }, (_, index) => normal(values, index)));
      };
      const [input, weight, bias] = [random([rows, size], 1), random([vocabulary, size], 2), random([vocabulary], 3)];
      const targets = scope.integers(Array.from({ length: rows }, (_, row) => (row * 7) % vocabulary));
      const [ofInput, ofWeight, ofBias] = [[rows, size], [vocabulary, size], [vocabulary]].map((shape) => scope.zeros(shape));
      const gradients = { input: ofInput, weight: ofWeight, bias: ofBias, targets: undefined };
      const attributes = { smoothing: 0.1, gradientScale: 1 / rows };
      const outputs = softmaxCrossEntropy.forwardAndGradient(scope, { input, weight, bias, targets }, attributes, gradients, new Set());
      return [outputs.losses, ofInput, ofWeight, ofBias].map((tensor) => tensor?.f32.slice());
    };
    losses(counting, 700);
    assert.equal(counting.packed, 0);
    const [packed, plain] = [losses(counting, 1300), losses(unpacked, 1300)];
    assert.deepEqual([counting.packed, counting.released], isPacked ? [2, 2] : [0, 0]);
    assert.deepEqual(packed, plain);
    arena.dispose();
  });
}
