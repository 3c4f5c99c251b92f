import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { normal, randomKey } from '../../src/core/random.js';
import { Scope } from '../../src/tensor/device.js';
import { hasRelaxedSimd } from '../../src/tensor/kernels/relaxed-simd.js';
import { rowRanges, type RowRanges } from '../../src/tensor/layout.js';
import { MatrixWrapper } from '../../src/tensor/matrix.js';
import { Arena } from '../../src/tensor/memory.js';
import { memoryAttention } from '../../src/tensor/operations/memory-attention.js';
import { selfAttention } from '../../src/tensor/operations/self-attention.js';
import { rehearse } from '../../src/tensor/rehearsal.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { openTestDevices } from './devices.js';

const [heads, keyValueHeads] = [4, 2];
// Libraries sum in an order of their own. Machine code rounds as kernels with fused multiply-adds do.
const own = hasRelaxedSimd() ? ['plain SIMD', 'relaxed SIMD', 'avx512', 'avx2'] : ['plain SIMD'];
const devices = (await openTestDevices()).filter(({ name }) => own.some((ending) => name.endsWith(ending)));

/** Operands in bfloat16 are not for attention: on such a device the kernel of short sentences does the long ones too. */
class Rounding extends MatrixWrapper {
  override get precision(): 'bf16' {
    return 'bf16';
  }
}

// Heads of 32 are multiplied in groups of short sentences where the provider has small products.
const sized = devices.flatMap((device) => [12, 32].map((size) => ({ ...device, size, columns: (heads + 2 * keyValueHeads) * size })));

for (const { name, device, size, columns } of sized) {
  describe(`attention of many heads of ${size}, ${name}`, () => {
    const arena = new Arena(device.memory);
    const scope = new Scope(device, arena);
    after(() => arena.dispose());

    let drawn = 0;
    const random = (rows: number, width: number): Tensor => {
      const key = randomKey(5, 'sample', drawn++);
      return scope.empty([rows, width]).set(Float32Array.from({ length: rows * width }, (_, index) => normal(key, index)));
    };
    /** Biases of distances within 301 rows. */
    const biases = { causal: random(heads, 301), whole: random(heads, 601) };
    /** Output and gradient of self-attention. */
    const attendTo = (
      projected: Tensor,
      dOutput: Tensor,
      sentences: RowRanges,
      { keys, bias }: { keys: readonly number[]; bias: Tensor | undefined },
    ) => {
      const dropout = { rate: 0.2, key: 99, rowKeys: scope.integers(keys) };
      const attributes = { heads, keyValueHeads, sight: 'causal', sentences, dropout } as const;
      const inputs = { projected, bias };
      selfAttention.check(inputs, attributes);
      const { outputs, saved } = selfAttention.forward(scope, inputs, attributes);
      const gradient = scope.zeros(projected.shape);
      const gradients = { projected: gradient, bias: bias && scope.zeros(bias.shape) };
      selfAttention.gradient(scope, { inputs, attributes, outputs, saved }, { output: dOutput }, gradients, new Set());
      return { output: outputs.output, gradient };
    };

    for (const [bias, named] of [
      [undefined, ''],
      [biases.causal, ', with a bias'],
    ] as const) {
      test(`a sentence has the same output and gradient, bit for bit, alone and in a batch, dropout included${named}`, () => {
        const sentences = rowRanges([7, 141, 1, 12]);
        const [projected, dOutput] = [random(sentences.rows, columns), random(sentences.rows, heads * size)];
        const keys = Array.from({ length: sentences.rows }, (_, row) => row * 77);
        const all = attendTo(projected, dOutput, sentences, { keys, bias });
        sentences.starts.forEach((start, sentence) => {
          const end = start + (sentences.lengths[sentence] as number);
          const own = { keys: keys.slice(start, end), bias };
          const alone = attendTo(projected.rows(start, end), dOutput.rows(start, end), rowRanges([end - start]), own);
          assert.deepEqual(alone.output.f32, all.output.rows(start, end).f32);
          assert.deepEqual(alone.gradient.f32, all.gradient.rows(start, end).f32);
        });
      });
    }

    /** The columns of queries, and those of keys and values, of a joint product. */
    const parts = (projected: Tensor) => {
      const rows = projected.dimension(0);
      const [query, memory] = [scope.empty([rows, heads * size]), scope.empty([rows, 2 * keyValueHeads * size])];
      for (let row = 0; row < rows; row++) {
        const values = projected.rows(row, row + 1).f32;
        query.rows(row, row + 1).set(values.slice(0, heads * size));
        memory.rows(row, row + 1).set(values.slice(heads * size));
      }
      return { query, memory };
    };

    for (const [bias, named] of [
      [undefined, ''],
      [biases.causal, ', with a bias'],
    ] as const) {
      test(`the newest positions over cached rows, one by one or a prefix at once, give the bits of the whole pass${named}`, () => {
        const length = 301;
        const projected = random(length, columns);
        const attributes = { heads, keyValueHeads, sight: 'causal' } as const;
        const whole = selfAttention.forward(scope, { projected, bias }, { ...attributes, sentences: rowRanges([length]) }).outputs.output;
        const { query, memory } = parts(projected);
        // The cache keeps rows in an order of its own: position p in row (7 p) mod 302 of a larger cache.
        const places = Array.from({ length }, (_, position) => (position * 7) % (length + 1));
        const cache = scope.zeros([length + 1, memory.dimension(1)]);
        places.forEach((place, position) => {
          cache.rows(place, place + 1).set(memory.rows(position, position + 1).f32);
        });
        for (const [from, to] of [[0, 290], ...Array.from({ length: 11 }, (_, step) => [290 + step, 291 + step])] as [number, number][]) {
          const step = {
            ...attributes,
            queries: rowRanges([to - from]),
            rows: rowRanges([to]),
            memoryRows: scope.integers(places.slice(0, to)),
          };
          const inputs = { query: query.rows(from, to), memory: cache, bias };
          memoryAttention.check(inputs, step);
          const { output } = memoryAttention.forward(scope, inputs, step).outputs;
          assert.deepEqual(output.f32, whole.rows(from, to).f32);
        }
      });

      test(`a short sentence gives the bits of its positions one by one over cached rows${named}`, () => {
        const projected = random(20, columns);
        const attributes = { heads, keyValueHeads, sight: 'causal' } as const;
        const whole = selfAttention.forward(scope, { projected, bias }, { ...attributes, sentences: rowRanges([20]) }).outputs.output;
        const { query, memory } = parts(projected);
        for (let from = 0; from < 20; from++) {
          const memoryRows = scope.integers(Array.from({ length: from + 1 }, (_, position) => position));
          const step = { ...attributes, queries: rowRanges([1]), rows: rowRanges([from + 1]), memoryRows };
          const { output } = memoryAttention.forward(scope, { query: query.rows(from, from + 1), memory, bias }, step).outputs;
          assert.deepEqual(output.f32, whole.rows(from, from + 1).f32);
        }
      });
    }

    const kernelScope = new Scope({ ...device, matrix: new Rounding(device.matrix) }, arena);

    for (const [sight, bias] of [
      ['whole', undefined],
      ['causal', undefined],
      ['whole', biases.whole],
      ['causal', biases.causal],
    ] as const) {
      test(`a long sentence has the same bits by products as by the kernel of short ones, ${sight}${bias ? ', with a bias' : ''}`, () => {
        const sentences = rowRanges([301, 3]);
        const [projected, dOutput] = [random(sentences.rows, columns), random(sentences.rows, heads * size)];
        const dropout = { rate: 0.2, key: 99, rowKeys: scope.integers(Array.from({ length: sentences.rows }, (_, row) => row * 31)) };
        const attributes = { heads, keyValueHeads, sight, sentences, dropout, weights: true };
        const [byProducts, byKernel] = [scope, kernelScope].map((own) => {
          const inputs = { projected, bias };
          const { outputs, saved } = selfAttention.forward(own, inputs, attributes);
          const gradient = own.zeros(projected.shape);
          const call = { inputs, attributes, outputs, saved };
          selfAttention.gradient(own, call, { output: dOutput }, { projected: gradient }, new Set());
          return { output: outputs.output.f32.slice(), weights: outputs.weights?.f32.slice(), gradient: gradient.f32.slice() };
        });
        assert.ok(byProducts !== undefined && byKernel !== undefined);
        assert.deepEqual(byProducts.output, byKernel.output);
        assert.deepEqual(byProducts.weights, byKernel.weights);
        // Gradients are sums over blocks of queries, which differ.
        const largest = byKernel.gradient.reduce(
          (most, value, index) => Math.max(most, Math.abs(value - (byProducts.gradient[index] ?? 0))),
          0,
        );
        assert.ok(largest > 0 && largest < 1e-5, String(largest));
      });
    }

    test('causal sentences of several panels have the bits of the kernel', () => {
      const attributes = { heads, keyValueHeads, sight: 'causal' } as const;
      const memory = rowRanges([70, 33, 64]);
      for (const queries of [memory, rowRanges([40, 1, 64])]) {
        const query = random(queries.rows, heads * size);
        const [keysAndValues, dOutput] = [random(memory.rows, 2 * keyValueHeads * size), random(queries.rows, heads * size)];
        const [grouped, byKernel] = [scope, kernelScope].map((own) => {
          const call = { inputs: { query, memory: keysAndValues }, attributes: { ...attributes, queries, rows: memory } };
          const { outputs, saved } = memoryAttention.forward(own, call.inputs, call.attributes);
          const gradients = { query: own.zeros(query.shape), memory: own.zeros(keysAndValues.shape) };
          memoryAttention.gradient(own, { ...call, outputs, saved }, { output: dOutput }, gradients, new Set());
          return { output: outputs.output.f32.slice(), gradients: [gradients.query.f32.slice(), gradients.memory.f32.slice()] };
        });
        assert.ok(grouped !== undefined && byKernel !== undefined);
        assert.deepEqual(grouped.output, byKernel.output);
        for (const [index, gradient] of byKernel.gradients.entries()) {
          assert.ok(gradient.some((value) => Math.abs(value) > 0.01));
          for (const [at, value] of gradient.entries()) assert.ok(Math.abs(value - (grouped.gradients[index]?.[at] ?? 0)) < 2e-5);
        }
      }
    });

    test('hypotheses that share a source see it as each would alone', () => {
      const memory = random(30, 2 * keyValueHeads * size);
      const query = random(5, heads * size);
      const attributes = { heads, keyValueHeads, sight: 'whole' } as const;
      const rows = { starts: Int32Array.of(0, 11, 11), lengths: Int32Array.of(11, 19, 19), rows: 30 };
      const together = memoryAttention.forward(scope, { query, memory }, { ...attributes, queries: rowRanges([2, 2, 1]), rows }).outputs;
      for (const [row, first, last] of [
        [0, 0, 11],
        [1, 0, 11],
        [2, 11, 30],
        [4, 11, 30],
      ] as const) {
        const alone = { queries: rowRanges([1]), rows: rowRanges([last - first]) };
        const inputs = { query: query.rows(row, row + 1), memory: memory.rows(first, last) };
        const { output } = memoryAttention.forward(scope, inputs, { ...attributes, ...alone }).outputs;
        assert.deepEqual(output.f32, together.output.rows(row, row + 1).f32);
      }
    });

    test('memory grows with the length of a sentence, not with its square', () => {
      const bytes = (length: number) =>
        rehearse(device.memory, (room) => {
          const projected = room.empty([length, columns]);
          const attributes = { heads, keyValueHeads, sight: 'causal', sentences: rowRanges([length]) } as const;
          const { outputs, saved } = selfAttention.forward(room, { projected }, attributes);
          const call = { inputs: { projected }, attributes, outputs, saved };
          selfAttention.gradient(room, call, { output: outputs.output }, { projected: room.empty(projected.shape) }, new Set());
        });
      assert.ok(bytes(8000) < 2.1 * bytes(4000));
    });

    test('what does not fit is refused with what would', () => {
      const projected = random(5, columns);
      const check = (attributes: object) => () =>
        selfAttention.check({ projected }, { heads, keyValueHeads, sight: 'causal', sentences: rowRanges([5]), ...attributes });
      check({})();
      assert.throws(check({ keyValueHeads: 3 }), /selfAttention: keyValueHeads.*divisor of heads/);
      assert.throws(check({ heads: 5, keyValueHeads: 5 }), new RegExp(`selfAttention: heads.*${columns} columns.*multiple of 15`));
      assert.throws(check({ sentences: rowRanges([6]) }), /selfAttention: ranges/);
      const biased = (bias: Tensor, sight: 'causal' | 'whole') => () =>
        selfAttention.check({ projected, bias }, { heads, keyValueHeads, sight, sentences: rowRanges([5]) });
      biased(random(heads, 5), 'causal')();
      assert.throws(biased(random(heads, 5), 'whole'), /selfAttention: bias: \[4, 5\]; expected \[4, at least 9\]/);
      assert.throws(biased(random(heads, 4), 'causal'), /selfAttention: bias: \[4, 4\]; expected \[4, at least 5\]/);
      assert.throws(biased(random(3, 5), 'causal'), /selfAttention: bias: \[3, 5\]/);
      const few = { heads, keyValueHeads, sight: 'causal', queries: rowRanges([3]), rows: rowRanges([2]) } as const;
      assert.throws(() => memoryAttention.check(parts(projected), few), /sentence 0.*3 queries over 2 rows/);
      const bias = random(heads, 9);
      assert.throws(
        () => memoryAttention.check({ ...parts(projected), bias }, { ...few, sight: 'whole' }),
        /3 queries over 2 rows.*a row for each/,
      );
      const far = { ...few, sight: 'whole', memoryRows: scope.integers([0, 5]) } as const;
      assert.throws(() => memoryAttention.check(parts(projected), far), /memoryRows.*row 5.*0 to 4/);
    });
  });
}
