import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { randomKey, uniform } from '../../src/core/random.js';
import { withPointWiseCode } from '../../src/node/machine-code/point-wise/point-wise-kernels.js';
import { openKernels } from '../../src/node/open-kernels.js';
import type { LoadedKernels } from '../../src/tensor/kernels/load.js';
import { Memory } from '../../src/tensor/memory.js';
import { activations } from '../../src/tensor/operations/activated-linear.js';

const memory = new Memory({ shared: true });
const portable = await openKernels(memory);
const fast = await withPointWiseCode(memory, portable);
const skip = fast === portable && 'this processor has no AVX2, or the engine does not fuse products and sums';

/** What a kernel writes there is nobody's. */
const scratch = memory.allocate(4 * 32).offset;

/** Random floats in [-scale / 2, scale / 2), the same at each call. */
function floats(count: number, scale = 8): number {
  const { offset } = memory.allocate(4 * count);
  for (let at = 0; at < count; at++) memory.f32[offset / 4 + at] = scale * (uniform(randomKey(1, 'initialise', count), at) - 0.5);
  return offset;
}

/** Runs a kernel both ways on the same values, and compares all that it wrote, to the bit. `sizes`: floats of each array it is given. */
function compare(sizes: readonly number[], run: (kernels: LoadedKernels, ...arrays: number[]) => void, scale?: number): void {
  const [one, other] = [portable, fast].map((kernels) => {
    const arrays = sizes.map((count) => floats(count, scale));
    run(kernels, ...arrays);
    return arrays.map((offset, index) => memory.i32.slice(offset / 4, offset / 4 + (sizes[index] as number)));
  });
  assert.deepEqual(other, one);
}

describe('point-wise work in machine code has the bits of the portable kernels', { skip }, () => {
  for (const [kind, activation] of activations.slice(0, 4).entries()) {
    for (const columns of [8, 24, 13]) {
      it(`${activation} of ${columns} columns, and its gradient`, () => {
        const size = 3 * columns;
        for (const scale of [6, 40]) {
          compare([size, size, columns], (kernels, y, x, bias) => kernels.activate(y, x, bias, 3, columns, kind), scale);
          compare([size, size], (kernels, y, x) => kernels.activate(y, x, 0, 3, columns, kind), scale);
          compare([size, size, columns], (kernels, x, dy, dBias) => kernels.activateGradient(dy, x, dy, dBias, 3, columns, kind), scale);
          compare([size, size], (kernels, x, dy) => kernels.activateGradient(x, x, dy, 0, 3, columns, kind), scale);
        }
      });
    }
  }

  for (const [rows, columns] of [
    [1, 8],
    [6, 24],
    [8, 13],
  ] as const) {
    it(`a bias of ${columns} columns for ${rows} rows, and its gradient`, () => {
      compare([rows * columns, columns], (kernels, y, bias) => kernels.addBias(y, bias, rows, columns));
      compare([rows * columns, columns], (kernels, x, sums) => kernels.addColumnSums(sums, x, rows, columns));
    });
  }

  for (const columns of [8, 40, 13]) {
    const size = 3 * columns;
    it(`normalisation of ${columns} columns, and its gradient`, () => {
      for (const [centred, bias] of [
        [1, 1],
        [0, 0],
      ] as const) {
        const vectors = [columns, columns, 6];
        compare([size, size, ...vectors], (kernels, y, x, gain, other, statistics) => {
          kernels.normalise(y, 0, x, 0, gain, bias * other, statistics, 3, columns, 1e-5, centred, 0);
          kernels.normalise(y, 0, x, 0, gain, bias * other, statistics, 3, columns, 1e-5, centred, 1);
        });
        compare([size, size, size, size, ...vectors], (kernels, y, sum, x, residual, gain, other, statistics) =>
          kernels.normalise(y, sum, x, residual, gain, bias * other, statistics, 3, columns, 1e-5, centred, 0),
        );
        compare([size, size, size, columns, columns, ...vectors], (kernels, dx, dy, x, dGain, dBias, gain, _, statistics) =>
          kernels.normaliseGradient(dx, 0, dGain, bias * dBias, dy, 0, x, gain, statistics, 3, columns, centred, 0, 0),
        );
        compare(
          [size, size, size, size, size, columns, columns, ...vectors],
          (kernels, dx, more, dy, dSum, x, dGain, dBias, gain, _, statistics) =>
            kernels.normaliseGradient(dx, more, dGain, bias * dBias, dy, dSum, x, gain, statistics, 3, columns, centred, 0, 0),
        );
      }
    });
  }

  for (const [queries, memory, causal] of [
    [5, 5, 1],
    [3, 8, 0],
    [4, 30, 1],
    [2, 41, 0],
  ] as const) {
    it(`probabilities and gradients of ${queries} queries of ${memory} rows, ${causal === 1 ? 'causal' : 'whole'}`, () => {
      const [row, size, heads] = [48, 16, 3];
      const outputs = queries * heads * size;
      const scoreCount = 2 * queries * row;
      for (const hasBias of [0, 1]) {
        const biases = 2 * heads * row;
        compare([scoreCount, queries * heads, biases], (kernels, scores, statistics, bias) =>
          kernels.headProbabilities(
            ...([scores, 4 * row, 0, queries, queries, memory, 1, 2, heads, 0.25, causal] as const),
            ...([hasBias * (bias + 4 * row), 8 * row, statistics, 0, 0, 0, 0, scratch] as const),
          ),
        );
        const sizes = [scoreCount, scoreCount, outputs, outputs, queries * heads, biases];
        compare(sizes, (kernels, scores, gradients, dOutput, output, statistics, bias) =>
          kernels.headGradients(
            ...([scores, gradients, 4 * row, 0, queries, queries, memory, 1, 2, heads, size, dOutput, output, 4 * heads * size] as const),
            ...([0.25, causal, hasBias * (bias + 4 * row), 8 * row, 0, statistics, 0, 0, 0] as const),
          ),
        );
      }
    });
  }

  for (const [heads, size, count, isChosen] of [
    [2, 8, 1, true],
    [3, 24, 7, true],
    [4, 64, 25, false],
    // More keys than are summed at once.
    [1, 120, 300, true],
  ] as const) {
    it(`a query alone, ${heads} heads of ${size} over ${count} ${isChosen ? 'chosen keys' : 'keys'}`, () => {
      const width = heads * size;
      const rows = memory.allocate(4 * count).offset;
      for (let at = 0; at < count; at++) memory.i32[rows / 4 + at] = (7 * at + 1) % (2 * count);
      const room = memory.allocate(4 * (32 + heads * (count + 8 + size) + 2 * (count + 8))).offset;
      for (const hasBias of [0, 1]) {
        const sizes = [width, heads, heads * count, width, 4 * count * width, heads * count];
        compare(sizes, (kernels, output, logSums, weights, query, keys, bias) =>
          kernels.attendHeads(
            ...([output, 4 * width, query, 4 * width, keys, keys + 4 * width, 8 * width, isChosen ? rows : 0, 1, count] as const),
            ...([heads, heads, size, 1 / Math.sqrt(size), 0, hasBias * (bias + 4 * (count - 1)), 4 * count] as const),
            ...([logSums, weights, 0, 0, 0, room] as const),
          ),
        );
      }
    });
  }

  for (const columns of [8, 200, 264, 30]) {
    it(`cross entropies and normalised logits of ${columns} columns`, () => {
      const size = 3 * columns;
      const targets = memory.allocate(12).offset;
      memory.i32.set([1, columns - 1, 3], targets / 4);
      for (const smoothing of [0, 0.1]) {
        for (const gradientScale of [0, 0.02]) {
          compare([size, columns, 3, 3, columns], (kernels, logits, bias, losses, logProbabilities, dBias) =>
            kernels.softmaxCrossEntropy(logits, bias, targets, losses, logProbabilities, dBias, 3, columns, smoothing, gradientScale),
          );
          compare([size, columns, 3, 3], (kernels, logits, bias, losses, logProbabilities) =>
            kernels.softmaxCrossEntropy(logits, bias, targets, losses, logProbabilities, 0, 3, columns, smoothing, gradientScale),
          );
        }
      }
      for (const hasBias of [1, 0]) {
        compare([size, columns, 6, 3 * Math.ceil(columns / 128)], (kernels, logits, bias, normalisers, maxima) =>
          kernels.addBiasAndNormalise(logits, hasBias * bias, 3, columns, normalisers, maxima),
        );
      }
    });
  }
});
