import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniform } from '../../src/core/random.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { Scope } from '../../src/tensor/device.js';
import { Arena, Memory } from '../../src/tensor/memory.js';
import { softmaxCrossEntropy } from '../../src/tensor/operations/softmax-cross-entropy.js';
import { combineSlices, softmaxSliceGradient, softmaxSliceSums, softmaxSliceWeights } from '../../src/tensor/operations/softmax-slices.js';

const [rows, size, vocabulary] = [7, 5, 23];
const boundaries = [0, 1, 9, 23];

async function bench() {
  const device = await nodeRuntime.openDevice(new Memory({ shared: false }), { gemm: 'webassembly' });
  const scope = new Scope(device, new Arena(device.memory));
  let stream = 0;
  const random = (shape: readonly number[], range: number) => {
    const tensor = scope.empty(shape);
    const key = randomKey(3, 'sample', stream++);
    return tensor.set(Float32Array.from({ length: tensor.size }, (_, index) => (2 * uniform(key, index) - 1) * range));
  };
  return { scope, random };
}

for (const smoothing of [0, 0.1]) {
  // Logits of very different size: without the common maximum their exponentials would overflow.
  for (const range of [1, 60]) {
    test(`slices of the softmax together are the softmax: smoothing ${smoothing}, weights up to ${range}`, async () => {
      const { scope, random } = await bench();
      const [input, weight, bias] = [random([rows, size], 1), random([vocabulary, size], range), random([vocabulary], 1)];
      const targetIds = Int32Array.from({ length: rows }, (_, row) => (row * 5) % vocabulary);
      const attributes = { smoothing, gradientScale: 0.25 };
      const zeros = () => ({ input: scope.zeros([rows, size]), weight: scope.zeros([vocabulary, size]), bias: scope.zeros([vocabulary]) });
      const [whole, sliced] = [zeros(), zeros()];
      const expected = softmaxCrossEntropy.forwardAndGradient(
        scope,
        { input, weight, bias, targets: scope.integers(targetIds) },
        attributes,
        { ...whole, targets: undefined },
        new Set(),
      );
      const slices = boundaries.slice(1).map((to, index) => {
        const from = boundaries[index] as number;
        const slice = { weight: weight.rows(from, to), bias: bias.rows(from, to), from };
        return { from, to, slice, terms: softmaxSliceSums(scope, slice, input, targetIds, smoothing) };
      });
      const sums = slices.map(({ terms }) => terms.sums);
      const { combined, losses, logProbabilities } = combineSlices(scope, sums, vocabulary, smoothing);
      for (const { from, to, slice, terms } of slices) {
        const dInput = softmaxSliceGradient(scope, slice, terms, combined, attributes, vocabulary, sliced.bias.rows(from, to));
        softmaxSliceWeights(scope, terms, sliced.weight.rows(from, to));
        scope.device.kernels.add(sliced.input.offset, dInput.offset, dInput.size);
      }
      const near = (actual: ArrayLike<number>, wanted: ArrayLike<number>, scale: number, what: string) => {
        for (let index = 0; index < wanted.length; index++) {
          const difference = Math.abs((actual[index] as number) - (wanted[index] as number));
          assert.ok(difference <= 2e-6 * scale, `${what} ${index}: ${actual[index]}, expected ${wanted[index]}`);
        }
      };
      const largest = Math.max(1, ...expected.losses.f32);
      near(losses, expected.losses.f32, largest, 'loss');
      near(logProbabilities, expected.logProbabilities.f32, largest, 'log-probability');
      for (const name of ['input', 'weight', 'bias'] as const) near(sliced[name].f32, whole[name].f32, range, `gradient of ${name}`);
    });
  }
}
