import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mix32 } from '../../src/core/random.js';
import { allowRelaxedSimd } from '../../src/node/open-kernels.js';
import type { LoadedKernels } from '../../src/tensor/kernels/load.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { hasRelaxedSimd } from '../../src/tensor/kernels/relaxed-simd.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';

// Every kernel against the same formula in 64-bit floats, on sizes that are not multiples of a vector. Each array lies
// between guard bytes, at an address that is a multiple of 4 only.

allowRelaxedSimd();

const guardBytes = 64;
const guardByte = 0xa5;
const sizes = [1, 2, 3, 4, 5, 7, 8, 17, 33, 64, 257];

/** Arrays in a memory, each between guards that `check` looks at. */
class Workbench {
  readonly memory: Memory;
  readonly kernels: LoadedKernels;
  readonly #ranges: { start: number; end: number }[] = [];
  #seed = 1;

  constructor(memory: Memory, kernels: LoadedKernels) {
    this.memory = memory;
    this.kernels = kernels;
  }

  #place(count: number): number {
    const block = this.memory.allocate(count * 4 + 2 * guardBytes + 4);
    this.memory.u8.fill(guardByte, block.offset, block.offset + block.bytes);
    const start = block.offset + guardBytes + 4;
    this.#ranges.push({ start, end: start + count * 4 });
    return start;
  }

  floats(values: ArrayLike<number>): number {
    const offset = this.#place(values.length);
    this.memory.f32.set(values, offset / 4);
    return offset;
  }

  integers(values: ArrayLike<number>): number {
    const offset = this.#place(values.length);
    this.memory.i32.set(values, offset / 4);
    return offset;
  }

  empty(count: number): number {
    return this.floats(new Float32Array(count).fill(Number.NaN));
  }

  readFloats(offset: number, count: number): Float32Array {
    return this.memory.f32.slice(offset / 4, offset / 4 + count);
  }

  readIntegers(offset: number, count: number): number[] {
    return Array.from(this.memory.i32.subarray(offset / 4, offset / 4 + count));
  }

  /** Repeatable values in [-range, range). */
  random(count: number, range = 1): Float32Array {
    return Float32Array.from({ length: count }, () => (mix32(this.#seed++) / 2 ** 31 - 1) * range);
  }

  randomIntegers(count: number, limit: number): number[] {
    return Array.from({ length: count }, () => mix32(this.#seed++) % limit);
  }

  /** No kernel wrote beside its arrays. */
  checkGuards(): void {
    const { u8 } = this.memory;
    for (const { start, end } of this.#ranges) {
      for (let byte = 0; byte < guardBytes; byte++) {
        if (u8[start - 1 - byte] !== guardByte) assert.fail(`byte ${byte} before an array was written`);
        if (u8[end + byte] !== guardByte) assert.fail(`byte ${byte} after an array was written`);
      }
    }
  }
}

function close(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5, what = ''): void {
  assert.equal(actual.length, expected.length);
  for (let index = 0; index < expected.length; index++) {
    const got = at(actual, index);
    const wanted = at(expected, index);
    const same = Object.is(got, wanted) || got === wanted || Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
    // A message for every value would take longer than the comparison.
    if (!same) assert.fail(`${what} [${index}]: ${got}, expected ${wanted}`);
  }
}

function at<T>(values: ArrayLike<T>, index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no element ${index} of ${values.length}`);
  return value;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function softmax(values: readonly number[]): number[] {
  const maximum = Math.max(...values);
  const terms = values.map((value) => Math.exp(value - maximum));
  const total = terms.reduce((sum, term) => sum + term, 0);
  return terms.map((term) => term / total);
}

const variants = [false, true].flatMap((shared) => [false, true].map((relaxed) => ({ shared, relaxed })));

for (const { shared, relaxed } of variants) {
  const title = `kernels, ${shared ? 'shared' : 'plain'} memory, ${relaxed ? 'relaxed' : 'plain'} SIMD`;
  const skip = relaxed && !hasRelaxedSimd() ? 'this runtime has no relaxed SIMD' : false;

  async function workbench(tileRows: 4 | 6 = 4): Promise<Workbench> {
    const memory = new Memory({ shared });
    return new Workbench(memory, await loadKernels(memory, { relaxed, tileRows }));
  }

  describe(title, { skip }, () => {
    test('the loader gives the variant that was asked for', async () => {
      const { kernels } = await workbench();
      assert.equal(kernels.variant, `${shared ? 'shared' : 'plain'}${relaxed ? '-relaxed' : ''}`);
    });

    const products: [number, number, number][] = [
      [1, 1, 1],
      [1, 8, 4],
      [2, 33, 5],
      [3, 7, 17],
      [4, 8, 256],
      [5, 17, 257],
      [7, 5, 3],
      [17, 64, 33],
      [33, 3, 64],
      [64, 40, 7],
      [131, 9, 300],
      [6, 521, 260],
      [16, 12, 515],
      [1, 530, 19],
      [2, 130, 259],
    ];
    for (const [m, n, k] of products) {
      test(`matrix product ${m} x ${n} x ${k}, every transposition, packed or not`, async () => {
        const bench = await workbench();
        const { kernels } = bench;
        const a = bench.random(m * k);
        const b = bench.random(k * n);
        const before = bench.random(m * n);
        const expected = new Float64Array(m * n);
        for (let row = 0; row < m; row++) {
          for (let p = 0; p < k; p++) {
            for (let column = 0; column < n; column++) {
              expected[row * n + column] = at(expected, row * n + column) + at(a, row * k + p) * at(b, p * n + column);
            }
          }
        }
        const accumulated = expected.map((value, index) => value + at(before, index));
        const layouts = {
          a: [bench.floats(a), bench.floats(transposed(a, m, k))],
          b: [bench.floats(b), bench.floats(transposed(b, k, n))],
        };
        const scratch = bench.empty(kernels.matrixScratchBytes(m, n, k) / 4);
        for (const transposeA of [0, 1]) {
          for (const transposeB of [0, 1]) {
            for (const accumulate of [0, 1]) {
              const c = bench.floats(before);
              kernels.matrixMultiply(
                m,
                n,
                k,
                at(layouts.a, transposeA),
                transposeA,
                transposeA ? m : k,
                at(layouts.b, transposeB),
                transposeB,
                transposeB ? k : n,
                c,
                n,
                accumulate,
                scratch,
              );
              close(
                bench.readFloats(c, m * n),
                accumulate ? accumulated : expected,
                3e-6 * Math.sqrt(k),
                `${transposeA}${transposeB}${accumulate}`,
              );
            }
          }
        }
        for (const transposeB of [0, 1]) {
          const packed = bench.empty(kernels.matrixPackedBytes(n, k) / 4);
          kernels.matrixPack(n, k, at(layouts.b, transposeB), transposeB, transposeB ? k : n, packed);
          for (const accumulate of [0, 1]) {
            const c = bench.floats(before);
            kernels.matrixMultiplyPacked(m, n, k, at(layouts.a, 0), k, packed, c, n, accumulate, scratch);
            close(
              bench.readFloats(c, m * n),
              accumulate ? accumulated : expected,
              3e-6 * Math.sqrt(k),
              `packed ${transposeB}${accumulate}`,
            );
          }
        }
        bench.checkGuards();
      });
    }

    test('a row of a product is the same alone, in any batch, in any layout, packed or not', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      const [rows, n, k] = [13, 77, 301];
      const values = bench.random(rows * k);
      const weights = bench.random(k * n);
      const b = [bench.floats(weights), bench.floats(transposed(weights, k, n))];
      const packed = bench.empty(kernels.matrixPackedBytes(n, k) / 4);
      kernels.matrixPack(n, k, at(b, 0), 0, n, packed);
      const last = (m: number, multiply: (a: number, c: number) => void): Float32Array => {
        const c = bench.empty(m * n);
        multiply(bench.floats(values.subarray((rows - m) * k)), c);
        return bench.readFloats(c + (m - 1) * n * 4, n);
      };
      const scratch = bench.empty(kernels.matrixScratchBytes(rows, n, k) / 4);
      const alone = last(1, (a, c) => kernels.matrixMultiplyPacked(1, n, k, a, k, packed, c, n, 0, scratch));
      for (let m = 1; m <= rows; m++) {
        assert.deepEqual(
          last(m, (a, c) => kernels.matrixMultiplyPacked(m, n, k, a, k, packed, c, n, 0, scratch)),
          alone,
        );
        for (const transposeB of [0, 1]) {
          const strideB = transposeB ? k : n;
          const result = last(m, (a, c) =>
            kernels.matrixMultiply(m, n, k, a, 0, k, at(b, transposeB), transposeB, strideB, c, n, 0, scratch),
          );
          assert.deepEqual(result, alone, `${m} rows, transposeB ${transposeB}`);
        }
      }
    });

    test('tiles of six rows give the same bits as those of four, whatever rows and columns are left over', async () => {
      const [n, k] = [21, 262];
      const productsOf = async (tileRows: 4 | 6) => {
        const bench = await workbench(tileRows);
        const { kernels } = bench;
        const b = bench.floats(bench.random(k * n));
        const packed = bench.empty(kernels.matrixPackedBytes(n, k) / 4);
        kernels.matrixPack(n, k, b, 0, n, packed);
        return [5, 6, 8, 11, 12, 15, 16, 139].flatMap((m) => {
          const a = bench.floats(bench.random(m * k));
          const scratch = bench.empty(kernels.matrixScratchBytes(m, n, k) / 4);
          const results = range(6).map((form) => {
            const c = bench.floats(bench.random(m * n));
            const accumulate = form % 2;
            if (form < 4) kernels.matrixMultiply(m, n, k, a, form >> 1, form >> 1 ? m : k, b, 0, n, c, n, accumulate, scratch);
            else kernels.matrixMultiplyPacked(m, n, k, a, k, packed, c, n, accumulate, scratch);
            return bench.readFloats(c, m * n);
          });
          bench.checkGuards();
          return results;
        });
      };
      assert.deepEqual(await productsOf(6), await productsOf(4));
    });

    test('a product over no depth is zero, or what was there', async () => {
      const bench = await workbench();
      const c = bench.floats([1, 2, 3]);
      bench.kernels.matrixMultiply(1, 3, 0, 0, 0, 1, 0, 0, 3, c, 3, 1, 0);
      assert.deepEqual(Array.from(bench.readFloats(c, 3)), [1, 2, 3]);
      bench.kernels.matrixMultiply(1, 3, 0, 0, 0, 1, 0, 0, 3, c, 3, 0, 0);
      assert.deepEqual(Array.from(bench.readFloats(c, 3)), [0, 0, 0]);
      bench.checkGuards();
    });

    test('elementwise kernels, in every size', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const count of sizes) {
        const a = bench.random(count, 3);
        const b = bench.random(count, 3);
        const dy = bench.random(count);
        const [pa, pb, pdy] = [bench.floats(a), bench.floats(b), bench.floats(dy)];
        const run = (kernel: (y: number) => void, expected: (index: number) => number): void => {
          const y = bench.floats(a);
          kernel(y);
          close(bench.readFloats(y, count), range(count).map(expected), 2e-6, `${count} values`);
        };
        run(
          (y) => kernels.fill(y, 0.1, count),
          () => 0.1,
        );
        run(
          (y) => kernels.copy(y, pb, count * 4),
          (i) => at(b, i),
        );
        run(
          (y) => kernels.add(y, pb, count),
          (i) => at(a, i) + at(b, i),
        );
        run(
          (y) => kernels.sum(y, pa, pb, count),
          (i) => at(a, i) + at(b, i),
        );
        run(
          (y) => kernels.tanh(y, pb, count),
          (i) => Math.tanh(at(b, i)),
        );
        run(
          (y) => kernels.tanhGradient(y, pb, pdy, count),
          (i) => at(a, i) + at(dy, i) * (1 - at(b, i) ** 2),
        );
        run(
          (y) => kernels.exp(y, pb, count),
          (i) => Math.exp(at(b, i)),
        );
        const positive = bench.floats(b.map((value) => value + 3.5));
        run(
          (y) => kernels.logScaled(y, positive, 0.25, count),
          (i) => Math.log((at(b, i) + 3.5) * 0.25),
        );
        close([kernels.sumOfSquares(pa, count)], [a.reduce((sum, value) => sum + value * value, 0)], 1e-12);
        const moved = bench.floats(b);
        let squares = 0;
        run(
          (y) => {
            squares = kernels.moveGradient(y, moved, count);
          },
          (i) => at(a, i) + at(b, i),
        );
        close([squares], [a.reduce((sum, value, i) => sum + (value + at(b, i)) ** 2, 0)], 1e-6);
        assert.ok(bench.readFloats(moved, count).every((value) => value === 0));
      }
      bench.checkGuards();
    });

    test('the sum of squares keeps what 32 bits would lose', async () => {
      const bench = await workbench();
      const values = new Float32Array(4097).fill(1e-3).with(0, 1e4);
      const expected = 1e8 + 4096 * at(values, 1) ** 2;
      close([bench.kernels.sumOfSquares(bench.floats(values), values.length)], [expected], 1e-12);
    });

    test('bias, column sums and rows by index', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const columns of sizes) {
        const [rows, height] = [5, 7];
        const x = bench.random(rows * columns);
        const table = bench.random(height * columns);
        const bias = bench.random(columns);
        const indices = [6, 0, 3, 6, 2];
        const [px, ptable, pbias, pindices] = [bench.floats(x), bench.floats(table), bench.floats(bias), bench.integers(indices)];
        const cell = (values: Float32Array, row: number, column: number): number => at(values, row * columns + column);
        const each = (height: number, value: (row: number, column: number) => number): number[] =>
          range(height * columns).map((index) => value(Math.floor(index / columns), index % columns));

        const biased = bench.floats(x);
        kernels.addBias(biased, pbias, rows, columns);
        close(
          bench.readFloats(biased, rows * columns),
          each(rows, (row, column) => cell(x, row, column) + at(bias, column)),
        );

        const sums = bench.floats(bias);
        kernels.addColumnSums(sums, px, rows, columns);
        close(
          bench.readFloats(sums, columns),
          range(columns).map((column) => range(rows).reduce((sum, row) => sum + cell(x, row, column), at(bias, column))),
        );

        const gathered = bench.empty(rows * columns);
        kernels.gatherRows(gathered, ptable, pindices, rows, columns);
        close(
          bench.readFloats(gathered, rows * columns),
          each(rows, (row, column) => cell(table, at(indices, row), column)),
        );

        const summed = bench.empty(rows * columns);
        kernels.sumOfRows(summed, ptable, pindices, ptable, bench.integers(indices.toReversed()), rows, columns);
        close(
          bench.readFloats(summed, rows * columns),
          each(rows, (row, column) => cell(table, at(indices, row), column) + cell(table, at(indices, rows - 1 - row), column)),
        );

        const scattered = bench.floats(table);
        kernels.scatterAddRows(scattered, px, pindices, rows, columns);
        const added = (row: number, column: number): number =>
          indices.reduce((sum, index, from) => sum + (index === row ? cell(x, from, column) : 0), cell(table, row, column));
        close(bench.readFloats(scattered, height * columns), each(height, added));

        const [width, from] = [columns + 5, 2];
        const wide = bench.random(rows * width);
        const pwide = bench.floats(wide);
        const slice = each(rows, (row, column) => at(wide, row * width + from + column));
        const out = bench.floats(slice);
        kernels.addColumnsOut(out, pwide, rows, columns, width, from);
        close(
          bench.readFloats(out, rows * columns),
          slice.map((value) => 2 * value),
        );
        const into = bench.floats(wide);
        kernels.copyColumnsIn(into, px, rows, columns, width, from);
        close(
          bench.readFloats(into, rows * width),
          range(rows * width).map((index) => {
            const column = (index % width) - from;
            return column >= 0 && column < columns ? cell(x, Math.floor(index / width), column) : at(wide, index);
          }),
        );
      }
      bench.checkGuards();
    });

    test('touched rows: added compactly over two calls, then used by SGD, Adam or a dense gradient', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const columns of [1, 3, 8, 33]) {
        const vocabulary = 9;
        const ids = [4, 7, 4, 0, 7];
        const x = bench.random(ids.length * columns);
        const dense = new Float64Array(vocabulary * columns);
        ids.forEach((id, row) => {
          for (let column = 0; column < columns; column++) {
            dense[id * columns + column] = at(dense, id * columns + column) + at(x, row * columns + column);
          }
        });
        const touchedRows = (): { table: number; touched: number; slots: number; count: number } => {
          const [table, touched] = [bench.empty(4 * columns), bench.integers([-9, -9, -9, -9])];
          const slots = bench.integers(new Int32Array(vocabulary).fill(-1));
          const [pids, px] = [bench.integers(ids), bench.floats(x)];
          const first = kernels.addToTouchedRows(table, touched, 0, slots, pids, px, 3, columns);
          const count = kernels.addToTouchedRows(table, touched, first, slots, pids + 12, px + 12 * columns, 2, columns);
          assert.deepEqual([first, count], [2, 3]);
          assert.deepEqual(bench.readIntegers(touched, 4), [4, 7, 0, -9]);
          return { table, touched, slots, count };
        };
        const slotsAreReset = (slots: number): void => {
          assert.deepEqual(bench.readIntegers(slots, vocabulary), new Array(vocabulary).fill(-1));
        };
        const value = bench.random(vocabulary * columns);

        const sgd = touchedRows();
        const sgdValue = bench.floats(value);
        kernels.sgdUpdateRows(sgdValue, sgd.table, sgd.touched, sgd.count, sgd.slots, columns, 0.7, 0.5);
        close(
          bench.readFloats(sgdValue, value.length),
          Array.from(value, (start, index) => start - 0.35 * at(dense, index)),
        );
        slotsAreReset(sgd.slots);

        const scattered = touchedRows();
        const gradient = bench.floats(value);
        kernels.scatterTouchedRows(gradient, scattered.table, scattered.touched, scattered.count, scattered.slots, columns);
        close(
          bench.readFloats(gradient, value.length),
          Array.from(value, (start, index) => start + at(dense, index)),
        );
        slotsAreReset(scattered.slots);

        const adam = touchedRows();
        const [rowsValue, rowsFirst, rowsSecond] = [bench.floats(value), bench.floats(dense.fill(0)), bench.floats(dense)];
        const settings = [0.01, 0.5, 0.9, 0.999, 1e-8, 10, 1000, 0.1] as const;
        kernels.adamUpdateRows(rowsValue, adam.table, adam.touched, adam.count, adam.slots, rowsFirst, rowsSecond, columns, ...settings);
        slotsAreReset(adam.slots);
        for (const id of range(vocabulary)) {
          const row = bench.readFloats(rowsValue + id * columns * 4, columns);
          const start = value.slice(id * columns, (id + 1) * columns);
          if (ids.includes(id)) {
            // The first step of Adam is `rate` in the direction of the gradient's sign, plus decay.
            for (const column of range(columns)) {
              const moved = Math.abs(at(row, column) - at(start, column) * (1 - 0.001));
              assert.ok(Math.abs(moved - 0.01) < 1e-5, `moved by ${moved}`);
            }
          } else {
            assert.deepEqual(row, start);
          }
        }
      }
      bench.checkGuards();
    });

    test('SGD and Adam follow their formulas and clear the gradient', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const count of sizes) {
        const value = bench.random(count);
        const gradients = [bench.random(count), bench.random(count)];
        const sgdValue = bench.floats(value);
        const sgdGradient = bench.floats(at(gradients, 0));
        kernels.sgdUpdate(sgdValue, sgdGradient, count, 0.7, 0.25);
        close(
          bench.readFloats(sgdValue, count),
          Array.from(value, (start, index) => start - 0.175 * at(at(gradients, 0), index)),
        );
        assert.ok(bench.readFloats(sgdGradient, count).every((rest) => rest === 0));

        const [rate, factor, beta1, beta2, epsilon, decay] = [0.01, 0.5, 0.9, 0.999, 1e-6, 0.1];
        const pvalue = bench.floats(value);
        const [first, second] = [bench.floats(new Float32Array(count)), bench.floats(new Float32Array(count))];
        const expected = { value: Array.from(value), first: new Array(count).fill(0), second: new Array(count).fill(0) };
        gradients.forEach((gradient, step) => {
          const pgradient = bench.floats(gradient);
          const correction1 = 1 / (1 - beta1 ** (step + 1));
          const correction2 = 1 / (1 - beta2 ** (step + 1));
          kernels.adamUpdate(
            ...([pvalue, pgradient, first, second, count] as const),
            ...([rate, factor, beta1, beta2, epsilon, correction1, correction2, decay] as const),
          );
          assert.ok(bench.readFloats(pgradient, count).every((rest) => rest === 0));
          for (const index of range(count)) {
            const g = factor * at(gradient, index);
            const m = beta1 * at(expected.first, index) + (1 - beta1) * g;
            const v = beta2 * at(expected.second, index) + (1 - beta2) * g * g;
            const start = at(expected.value, index);
            expected.first[index] = m;
            expected.second[index] = v;
            expected.value[index] = start - (rate * m * correction1) / (Math.sqrt(v * correction2) + epsilon) - rate * decay * start;
          }
        });
        close(bench.readFloats(pvalue, count), expected.value, 1e-6);
        close(bench.readFloats(first, count), expected.first, 1e-6);
        close(
          Array.from(bench.readFloats(second, count), (v, i) => v / at(expected.second, i)),
          new Array(count).fill(1),
          1e-6,
        );
      }
      bench.checkGuards();
    });

    test('dropout is the documented function of its keys and keeps the mean', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const columns of sizes) {
        const rows = 3;
        const x = bench.random(rows * columns);
        const rowKeys = [7, 0xdeadbeef | 0, -1];
        const [rate, key] = [0.3, 0x9abcdef0];
        const expected = range(rows * columns).map((index) => {
          const [row, column] = [Math.floor(index / columns), index % columns];
          const hash = mix32(mix32(key ^ at(rowKeys, row)) + Math.imul(column, 0x9e3779b9));
          return hash >= rate * 2 ** 32 ? at(x, index) / (1 - rate) : 0;
        });
        const y = bench.floats(x);
        kernels.dropout(y, y, bench.integers(rowKeys), rows, columns, rate, key);
        close(bench.readFloats(y, rows * columns), expected, 1e-6);
      }
      const ones = bench.floats(new Float32Array(10_000).fill(1));
      const y = bench.empty(10_000);
      const keys = bench.integers([1]);
      kernels.dropout(y, ones, keys, 1, 10_000, 0.2, 5);
      const mean = bench.readFloats(y, 10_000).reduce((sum, value) => sum + value, 0) / 10_000;
      assert.ok(Math.abs(mean - 1) < 0.02, `mean ${mean}`);
      kernels.dropout(y, ones, keys, 1, 10_000, 0, 5);
      assert.deepEqual(bench.readFloats(y, 10_000), bench.readFloats(ones, 10_000));
      kernels.dropout(y, ones, keys, 1, 10_000, 1, 5);
      assert.ok(bench.readFloats(y, 10_000).every((value) => value === 0));
      bench.checkGuards();
    });

    for (const hiddenSize of sizes) {
      test(`an LSTM step and its gradient, ${hiddenSize} cells`, async () => {
        const bench = await workbench();
        const { kernels } = bench;
        const rows = 3;
        const count = rows * hiddenSize;
        const products = bench.random(4 * count, 4);
        const bias = bench.random(4 * hiddenSize);
        const previous = bench.random(count, 2);
        const outputGradient = bench.random(count);
        const hiddenGradient = bench.random(count);
        const cellGradient = bench.random(count);
        for (const present of [true, false]) {
          const expected = { gates: [] as number[], cell: [] as number[], tanhCell: [] as number[], hidden: [] as number[] };
          const gradients = { gates: [] as number[], cell: [] as number[] };
          for (const index of range(count)) {
            const [row, unit] = [Math.floor(index / hiddenSize), index % hiddenSize];
            const place = (gate: number): number => (row * 4 + gate) * hiddenSize + unit;
            const gate = (which: number): number => at(products, place(which)) + at(bias, which * hiddenSize + unit);
            const [i, f, g, o] = [logistic(gate(0)), logistic(gate(1)), Math.tanh(gate(2)), logistic(gate(3))];
            const before = present ? at(previous, index) : 0;
            const c = f * before + i * g;
            const t = Math.tanh(c);
            [i, f, g, o].forEach((value, which) => {
              expected.gates[place(which)] = value;
            });
            expected.cell.push(c);
            expected.tanhCell.push(t);
            expected.hidden.push(o * t);
            const dh = at(outputGradient, index) + (present ? at(hiddenGradient, index) : 0);
            const dc = at(cellGradient, index) + dh * o * (1 - t * t);
            [dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)].forEach((value, which) => {
              gradients.gates[place(which)] = value;
            });
            gradients.cell.push(dc * f);
          }
          const gates = bench.floats(products);
          // The new state may replace the old one.
          const cell = bench.floats(previous);
          const [tanhCell, hidden] = [bench.empty(count), bench.empty(count)];
          kernels.lstmForward(gates, bench.floats(bias), present ? cell : 0, cell, tanhCell, hidden, rows, hiddenSize);
          close(bench.readFloats(gates, 4 * count), expected.gates, 2e-6, 'gates');
          close(bench.readFloats(cell, count), expected.cell, 2e-6, 'cell');
          close(bench.readFloats(tanhCell, count), expected.tanhCell, 2e-6, 'tanh(cell)');
          close(bench.readFloats(hidden, count), expected.hidden, 2e-6, 'hidden');
          const dcell = bench.floats(cellGradient);
          const biasBefore = present ? bias : undefined;
          const dbias = biasBefore === undefined ? 0 : bench.floats(biasBefore);
          kernels.lstmBackward(
            gates,
            present ? bench.floats(previous) : 0,
            tanhCell,
            bench.floats(outputGradient),
            present ? bench.floats(hiddenGradient) : 0,
            dcell,
            dbias,
            rows,
            hiddenSize,
          );
          if (biasBefore !== undefined) {
            const sums = Array.from(biasBefore, (before, column) =>
              gradients.gates.reduce((sum, value, index) => (index % (4 * hiddenSize) === column ? sum + value : sum), before),
            );
            close(bench.readFloats(dbias, 4 * hiddenSize), sums, 1e-5, 'bias gradient');
          }
          close(bench.readFloats(gates, 4 * count), gradients.gates, 3e-6, 'gate gradients');
          close(bench.readFloats(dcell, count), gradients.cell, 3e-6, 'cell gradient');
        }
        const [gates, cell, hidden] = [bench.floats(products), bench.empty(count), bench.empty(count)];
        kernels.lstmForward(gates, bench.floats(bias), 0, cell, 0, hidden, rows, hiddenSize);
        assert.ok(bench.readFloats(hidden, count).every(Number.isFinite));
        bench.checkGuards();
      });
    }

    test('softmax cross-entropy: loss, log-probability and gradient', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const columns of sizes) {
        const rows = 3;
        const logits = bench.random(rows * columns, 9);
        const bias = bench.random(columns);
        const targets = [0, columns - 1, columns >> 1];
        for (const withBias of [true, false]) {
          for (const smoothing of [0, 0.1]) {
            for (const gradientScale of [0, 0.125]) {
              const expected = { losses: [] as number[], logProbabilities: [] as number[], logits: [] as number[] };
              targets.forEach((target, row) => {
                const values = range(columns).map((column) => at(logits, row * columns + column) + (withBias ? at(bias, column) : 0));
                const p = softmax(values);
                const uniform = p.reduce((sum, value) => sum - Math.log(value), 0) / columns;
                expected.losses.push(-(1 - smoothing) * Math.log(at(p, target)) + smoothing * uniform);
                expected.logProbabilities.push(Math.log(at(p, target)));
                p.forEach((value, column) => {
                  const wanted = (column === target ? 1 - smoothing : 0) + smoothing / columns;
                  expected.logits.push(gradientScale === 0 ? at(logits, row * columns + column) : gradientScale * (value - wanted));
                });
              });
              const place = bench.floats(logits);
              const [losses, logProbabilities] = [bench.empty(rows), bench.empty(rows)];
              const pbias = withBias ? bench.floats(bias) : 0;
              const biasGradient = withBias ? bench.floats(range(columns).map(() => 0.5)) : 0;
              kernels.softmaxCrossEntropy(
                ...([place, pbias, bench.integers(targets), losses, logProbabilities, biasGradient] as const),
                ...([rows, columns, smoothing, gradientScale] as const),
              );
              close(bench.readFloats(losses, rows), expected.losses, 2e-6, `losses of ${columns}`);
              close(bench.readFloats(logProbabilities, rows), expected.logProbabilities, 2e-6);
              close(bench.readFloats(place, rows * columns), expected.logits, 1e-6, `gradient of ${columns}`);
              if (withBias) {
                const sumsOfColumns = range(columns).map((column) =>
                  gradientScale === 0 ? 0.5 : [0, 1, 2].reduce((sum, row) => sum + at(expected.logits, row * columns + column), 0.5),
                );
                close(bench.readFloats(biasGradient, columns), sumsOfColumns, 1e-6, `bias gradient of ${columns}`);
              }
            }
          }
        }
      }
      bench.checkGuards();
    });

    test('the gradient of two predictions, also of huge logits and of predictions far apart', async () => {
      const bench = await workbench();
      const [consistency, gradientScale] = [3, 0.25];
      for (const columns of sizes) {
        for (const [spread, shift] of [
          [2, 0],
          [2, 4096],
          [20, 0],
        ] as const) {
          const [logits, twinLogits] = [0, 1].map(() => bench.random(columns, spread).map((value) => Math.fround(value + shift)));
          assert.ok(logits && twinLogits);
          const target = columns >> 1;
          const [p, q] = [softmax([...logits]), softmax([...twinLogits])];
          const divergence = (a: number[], b: number[]) =>
            a.reduce((sum, value, column) => sum + value * Math.log(value / at(b, column)), 0);
          const gradient = (a: number[], b: number[]) =>
            a.map((value, column) => {
              const ofDivergence = value * (Math.log(value / at(b, column)) - divergence(a, b)) + value - at(b, column);
              return (gradientScale / 2) * (value - (column === target ? 1 : 0) + (consistency / 2) * ofDivergence);
            });
          const [first, second] = [bench.floats(logits), bench.floats(twinLogits)];
          const [losses, logProbabilities, biasGradient] = [bench.empty(1), bench.empty(1), bench.floats(range(columns).map(() => 0.5))];
          bench.kernels.consistentCrossEntropy(
            ...([first, second, bench.floats(range(columns).map(() => 0)), bench.integers([target]), losses, logProbabilities] as const),
            ...([biasGradient, 1, columns, 0, consistency, gradientScale] as const),
          );
          const expected = [gradient(p, q), gradient(q, p)] as const;
          const what = `${columns} columns, spread ${spread}, shift ${shift}`;
          const loss = -(Math.log(at(p, target)) + Math.log(at(q, target))) / 2;
          close(bench.readFloats(losses, 1), [loss + (consistency * (divergence(p, q) + divergence(q, p))) / 4], 1e-4, `loss of ${what}`);
          close(bench.readFloats(logProbabilities, 1), [-loss], 1e-4);
          close(bench.readFloats(first, columns), expected[0], 2e-5, `gradient of ${what}`);
          close(bench.readFloats(second, columns), expected[1], 2e-5, `gradient of the twin of ${what}`);
          const sums = range(columns).map((column) => 0.5 + at(expected[0], column) + at(expected[1], column));
          close(bench.readFloats(biasGradient, columns), sums, 4e-5);
        }
      }
      bench.checkGuards();
    });

    test('log softmax, also with huge logits and columns at minus infinity', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const columns of sizes) {
        for (const [spread, masked] of [
          [5, false],
          [1e4, false],
          [5, true],
        ] as const) {
          const logits = bench.random(2 * columns, spread);
          if (masked && columns > 1) {
            for (let index = 0; index < logits.length; index++) {
              if (index % columns !== columns - 1 && index % 3 === 0) logits[index] = Number.NEGATIVE_INFINITY;
            }
          }
          const bias = bench.random(columns);
          const expected = range(2).flatMap((row) => {
            const values = range(columns).map((column) => Math.fround(at(logits, row * columns + column) + at(bias, column)));
            const maximum = Math.max(...values);
            const total = Math.log(values.reduce((sum, value) => sum + Math.exp(value - maximum), 0));
            return values.map((value) => value - maximum - total);
          });
          const place = bench.floats(logits);
          kernels.logSoftmax(place, bench.floats(bias), 2, columns);
          close(bench.readFloats(place, 2 * columns), expected, 2e-6);
        }
      }
      bench.checkGuards();
    });

    test('a bias is added and each row normalised', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      for (const columns of sizes) {
        for (const spread of [5, 1e4]) {
          const [logits, bias] = [bench.random(2 * columns, spread), bench.random(columns)];
          const sums = Array.from(logits, (value, index) => Math.fround(value + at(bias, index % columns)));
          for (const added of [true, false]) {
            const values = added ? sums : [...logits];
            const rows = [values.slice(0, columns), values.slice(columns)];
            const place = bench.floats(logits);
            const normalisers = bench.empty(4);
            const stretches = Math.ceil(columns / 128);
            const maxima = bench.empty(2 * stretches);
            kernels.addBiasAndNormalise(place, added ? bench.floats(bias) : 0, 2, columns, normalisers, maxima);
            assert.deepEqual(
              [...bench.readFloats(maxima, 2 * stretches)],
              rows.flatMap((row) => range(stretches).map((stretch) => Math.max(...row.slice(128 * stretch, 128 * (stretch + 1))))),
            );
            assert.deepEqual([...bench.readFloats(place, 2 * columns)], values);
            const expected = rows.flatMap((row) => {
              const maximum = Math.max(...row);
              return [maximum, Math.log(row.reduce((sum, value) => sum + Math.exp(value - maximum), 0))];
            });
            close(bench.readFloats(normalisers, 4), expected, 2e-6);
          }
        }
      }
      bench.checkGuards();
    });

    test('the best extensions of each group of rows in falling order, equal ones by row, then by column', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      const doubles = (values: readonly number[]) => bench.integers(new Int32Array(Float64Array.from(values).buffer));
      const readDoubles = (offset: number, count: number) =>
        new Float64Array(Int32Array.from(bench.readIntegers(offset, 2 * count)).buffer);
      const starts = [0, 1, 4, 6];
      for (const columns of [...sizes, 1000]) {
        for (const kind of ['distinct', 'equal', 'rising', 'falling', 'masked', 'huge'] as const) {
          const logits = Array.from(bench.random(6 * columns, 10), (value, index) => {
            if (kind === 'equal') return Math.round(value / 4);
            if (kind === 'rising') return index % columns;
            if (kind === 'falling') return -(index % columns);
            if (kind === 'huge') return Math.fround(1e6 + value);
            return kind === 'masked' && index % 3 !== 0 ? Number.NEGATIVE_INFINITY : value;
          });
          const scores = kind === 'equal' ? [0, -1, -1, -2, -3, -3] : [...bench.random(6, 20)].map((value) => value / 3);
          const normalisers = bench.random(12, 5).map((value, index) => (index % 2 === 0 ? value : Math.abs(value)));
          // What they were before some became -Infinity, so at least as great as they are.
          const maxima = range(6).flatMap((row) =>
            range(Math.ceil(columns / 128)).map((stretch) =>
              Math.max(
                -50,
                ...logits.slice(row * columns + 128 * stretch, Math.min((row + 1) * columns, row * columns + 128 * (stretch + 1))),
              ),
            ),
          );
          const falling = range(3).map((group) =>
            range(at(starts, group + 1) - at(starts, group))
              .flatMap((offset) =>
                range(columns).map((column) => {
                  const row = at(starts, group) + offset;
                  const shifted = Math.fround(at(logits, row * columns + column) - at(normalisers, 2 * row));
                  const value = Math.fround(shifted - at(normalisers, 2 * row + 1));
                  return { row, column, value, total: at(scores, row) + value };
                }),
              )
              .filter(({ total }) => total > Number.NEGATIVE_INFINITY)
              .sort((a, b) => b.total - a.total || a.row - b.row || a.column - b.column),
          );
          const inputs = [bench.floats(logits), bench.floats(normalisers), bench.floats(maxima), doubles(scores)] as const;
          for (const capacity of [1, 2, 5, 12, 2 * columns]) {
            const places = [capacity, Math.ceil(capacity / 2), 1];
            const wanted = falling.map((all, group) => all.slice(0, places[group]));
            const room = 3 * capacity;
            const [totals, values, rows, indices] = [bench.empty(2 * room), bench.empty(room), bench.empty(room), bench.empty(room)];
            const counts = bench.empty(3);
            kernels.bestExtensions(
              ...inputs,
              columns,
              3,
              bench.integers(starts),
              bench.integers(places),
              capacity,
              totals,
              values,
              rows,
              indices,
              counts,
            );
            assert.deepEqual(
              bench.readIntegers(counts, 3),
              wanted.map(({ length }) => length),
            );
            wanted.forEach((best, group) => {
              const [first, end] = [group * capacity, group * capacity + best.length];
              const what = `${kind}, ${best.length} of ${columns} columns`;
              assert.deepEqual(
                bench.readIntegers(rows, room).slice(first, end),
                best.map(({ row }) => row),
                what,
              );
              assert.deepEqual(
                bench.readIntegers(indices, room).slice(first, end),
                best.map(({ column }) => column),
                what,
              );
              assert.deepEqual(
                [...readDoubles(totals, room).slice(first, end)],
                best.map(({ total }) => total),
                what,
              );
              assert.deepEqual(
                [...bench.readFloats(values, room).slice(first, end)],
                best.map(({ value }) => value),
                what,
              );
            });
          }
        }
      }
      bench.checkGuards();
    });

    for (const kind of ['dot', 'additive'] as const) {
      test(`${kind} attention and its gradient over ragged memories`, async () => {
        const bench = await workbench();
        const { kernels } = bench;
        for (const [keySize, valueSize] of [
          [1, 3],
          [5, 5],
          [8, 17],
          [33, 64],
        ] as const) {
          const lengths = [3, 1, 5, 4];
          const queryStart = [0, 3, 4, 4];
          const memoryRows = [0, 2, 4, 1, 5, 3, 6, 7, 8];
          const weightStart = [0, 3, 4, 9];
          const [queries, rows, weightCount] = [4, 9, 13];
          const query = bench.random(queries * keySize);
          const keys = bench.random(rows * keySize);
          const values = bench.random(rows * valueSize);
          const vector = bench.random(keySize);
          const contextGradient = bench.random(queries * valueSize);
          const expected = {
            context: new Float64Array(queries * valueSize),
            weights: new Float64Array(weightCount),
            query: new Float64Array(query.length).fill(0.5),
            keys: new Float64Array(keys.length).fill(0.5),
            values: new Float64Array(values.length).fill(0.5),
            vector: new Float64Array(keySize).fill(0.5),
          };
          const addTo = (array: Float64Array, index: number, value: number): void => {
            array[index] = at(array, index) + value;
          };
          for (const q of range(queries)) {
            const rowOf = (s: number): number => at(memoryRows, at(queryStart, q) + s);
            const steps = range(at(lengths, q));
            const pairs = (s: number): { a: number; b: number; v: number }[] =>
              range(keySize).map((d) => ({ a: at(query, q * keySize + d), b: at(keys, rowOf(s) * keySize + d), v: at(vector, d) }));
            const scores = steps.map((s) =>
              pairs(s).reduce((sum, { a, b, v }) => sum + (kind === 'dot' ? a * b : v * Math.tanh(a + b)), 0),
            );
            const weights = softmax(scores);
            const weightGradients = steps.map((s) => {
              let gradient = 0;
              for (const d of range(valueSize)) {
                const dcontext = at(contextGradient, q * valueSize + d);
                addTo(expected.context, q * valueSize + d, at(weights, s) * at(values, rowOf(s) * valueSize + d));
                addTo(expected.values, rowOf(s) * valueSize + d, at(weights, s) * dcontext);
                gradient += dcontext * at(values, rowOf(s) * valueSize + d);
              }
              return gradient;
            });
            const mean = steps.reduce((sum, s) => sum + at(weights, s) * at(weightGradients, s), 0);
            for (const s of steps) {
              addTo(expected.weights, at(weightStart, q) + s, at(weights, s));
              const gradient = at(weights, s) * (at(weightGradients, s) - mean);
              pairs(s).forEach(({ a, b, v }, d) => {
                const t = Math.tanh(a + b);
                addTo(expected.query, q * keySize + d, gradient * (kind === 'dot' ? b : v * (1 - t * t)));
                addTo(expected.keys, rowOf(s) * keySize + d, gradient * (kind === 'dot' ? a : v * (1 - t * t)));
                addTo(expected.vector, d, gradient * t);
              });
            }
          }
          const inputs = [bench.floats(query), bench.floats(keys), bench.floats(values)] as const;
          const layout = [
            ...([bench.integers(queryStart), bench.integers(lengths), bench.integers(memoryRows), bench.integers(weightStart)] as const),
            ...([queries, keySize, valueSize] as const),
          ] as const;
          const pvector = bench.floats(vector);
          const [context, weights] = [bench.empty(queries * valueSize), bench.empty(weightCount)];
          if (kind === 'dot') kernels.dotAttention(context, weights, ...inputs, ...layout);
          else kernels.additiveAttention(context, weights, ...inputs, pvector, ...layout);
          close(bench.readFloats(weights, weightCount), expected.weights, 2e-6, 'weights');
          close(bench.readFloats(context, queries * valueSize), expected.context, 2e-6, 'context');

          const scratch = bench.empty(5);
          const pcontext = bench.floats(contextGradient);
          const start = (count: number): number => bench.floats(new Float32Array(count).fill(0.5));
          for (const wanted of [true, false]) {
            const [dquery, dkeys, dvalues, dvector] = [start(query.length), start(keys.length), start(values.length), start(keySize)];
            const optional = wanted ? ([dquery, dkeys, dvalues] as const) : ([0, dkeys, 0] as const);
            if (kind === 'dot') kernels.dotAttentionGradient(...optional, pcontext, weights, ...inputs, ...layout, scratch);
            else {
              const rest = [weights, ...inputs, pvector, ...layout, scratch] as const;
              kernels.additiveAttentionGradient(...optional, wanted ? dvector : 0, pcontext, ...rest);
            }
            close(bench.readFloats(dkeys, keys.length), expected.keys, 3e-6, 'keys');
            if (!wanted) continue;
            close(bench.readFloats(dquery, query.length), expected.query, 3e-6, 'query');
            close(bench.readFloats(dvalues, values.length), expected.values, 3e-6, 'values');
            if (kind === 'additive') close(bench.readFloats(dvector, keySize), expected.vector, 3e-6, 'vector');
          }
        }
        bench.checkGuards();
      });
    }

    test('exp, log, tanh and sigmoid are right to 1e-6 relative where it matters', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      const points = (from: number, to: number): Float32Array =>
        Float32Array.from({ length: 20_001 }, (_, index) => from + ((to - from) * index) / 20_000);
      const check = (x: Float32Array, kernel: (y: number, x: number) => void, exact: (x: number) => number, tolerance: number): void => {
        const y = bench.empty(x.length);
        kernel(y, bench.floats(x));
        const got = bench.readFloats(y, x.length);
        for (const [index, input] of x.entries()) {
          const wanted = exact(input);
          const error = Math.abs(at(got, index) - wanted) / Math.max(Math.abs(wanted), 1e-30);
          if (!(error <= tolerance)) assert.fail(`at ${input}: ${at(got, index)}, expected ${wanted} (relative error ${error})`);
        }
      };
      for (const [from, to] of [
        [-87, 88.7],
        [-1, 1],
        [-1e-4, 1e-4],
      ] as const) {
        check(points(from, to), (y, x) => kernels.exp(y, x, 20_001), Math.exp, 3e-7);
      }
      for (const limit of [100, 10, 1, 1e-3, 1e-20]) {
        check(points(-limit, limit), (y, x) => kernels.tanh(y, x, 20_001), Math.tanh, 6e-7);
      }
      for (const [from, to] of [
        [1e-37, 3e38],
        [1e-30, 1e-20],
        [0.5, 2],
        [0.999, 1.001],
        [1e-45, 1e-38],
      ] as const) {
        check(points(from, to), (y, x) => kernels.logScaled(y, x, 1, 20_001), Math.log, 3e-7);
      }
      // The sigmoid is seen through an LSTM step: its output gate, of a single cell.
      const x = points(-60, 100);
      const gates = bench.floats(Float32Array.from({ length: 4 * x.length }, (_, index) => at(x, index >> 2)));
      const [bias, cell, hidden] = [bench.floats([0, 0, 0, 0]), bench.empty(x.length), bench.empty(x.length)];
      kernels.lstmForward(gates, bias, 0, cell, 0, hidden, x.length, 1);
      const activated = bench.readFloats(gates, 4 * x.length);
      for (const [index, input] of x.entries()) {
        const error = Math.abs(at(activated, 4 * index + 3) / logistic(input) - 1);
        // Far below 0 the relative error grows with the argument; what is left of a gate there is nothing.
        assert.ok(error <= 4e-7 + 1e-7 * Math.max(0, -input), `sigmoid at ${input}: relative error ${error}`);
      }
      bench.checkGuards();
    });

    test('extremes give limits, not NaN, and NaN is not hidden', async () => {
      const bench = await workbench();
      const { kernels } = bench;
      const of = (kernel: (y: number, x: number) => void, value: number): number => {
        const y = bench.empty(5);
        kernel(y, bench.floats(new Float32Array(5).fill(value)));
        const results = bench.readFloats(y, 5);
        assert.ok(
          results.every((result) => Object.is(result, at(results, 0))),
          'whole vectors and tails agree',
        );
        return at(results, 0);
      };
      const exp = (value: number): number => of((y, x) => kernels.exp(y, x, 5), value);
      const log = (value: number): number => of((y, x) => kernels.logScaled(y, x, 1, 5), value);
      const tanh = (value: number): number => of((y, x) => kernels.tanh(y, x, 5), value);
      const infinity = Number.POSITIVE_INFINITY;
      assert.deepEqual([-infinity, -1e30, -100, 0, 100, infinity].map(exp), [0, 0, 0, 1, infinity, infinity]);
      assert.deepEqual([0, 1, infinity, -1].map(log), [-infinity, 0, infinity, Number.NaN]);
      close([-infinity, -100, 0, 100, infinity].map(tanh), [-1, -1, 0, 1, 1], 6e-7);
      assert.ok([-100, 100].every((value) => Math.abs(tanh(value)) <= 1));
      assert.ok([exp, log, tanh].every((kernel) => Number.isNaN(kernel(Number.NaN))));
      for (const extreme of [-infinity, -100, 100, infinity]) {
        const [gates, cell, hidden] = [bench.floats(new Float32Array(20).fill(extreme)), bench.empty(5), bench.empty(5)];
        kernels.lstmForward(gates, bench.floats(new Float32Array(20)), 0, cell, 0, hidden, 1, 5);
        assert.ok(bench.readFloats(hidden, 5).every(Number.isFinite));
        const sigmoidExpected = extreme > 0 ? 1 : 0;
        close(bench.readFloats(gates, 10), new Array(10).fill(sigmoidExpected), 1e-7);
      }
      bench.checkGuards();
    });

    test('the provider multiplies, packs, and uses released room again', async () => {
      const bench = await workbench();
      const provider = webAssemblyProvider(bench.memory, bench.kernels);
      assert.equal(provider.name, 'webassembly');
      const [m, n, k] = [5, 9, 11];
      const [a, b] = [bench.random(m * k), bench.random(k * n)];
      const expected = range(m * n).map((index) =>
        range(k).reduce((sum, p) => sum + at(a, Math.floor(index / n) * k + p) * at(b, p * n + (index % n)), 0),
      );
      const [pa, pb, c] = [bench.floats(a), bench.floats(b), bench.empty(m * n)];
      const product = { m, n, k, a: pa, transposeA: false, b: pb, transposeB: false, c, accumulate: false };
      provider.multiply(product);
      close(bench.readFloats(c, m * n), expected);
      provider.multiply({ ...product, accumulate: true });
      close(
        bench.readFloats(c, m * n),
        expected.map((value) => 2 * value),
      );
      const packed = provider.pack({ n, k, b: pb, transposeB: false });
      packed.multiply({ m, a: pa, c, accumulate: false });
      close(bench.readFloats(c, m * n), expected);
      packed.release();
      const { totalBytes, allocatedBytes } = bench.memory;
      for (let round = 0; round < 100; round++) provider.pack({ n: 300, k: 300, b: pb, transposeB: false }).release();
      assert.ok(bench.memory.totalBytes - totalBytes <= 8 * 1024 ** 2);
      assert.equal(bench.memory.allocatedBytes, allocatedBytes);
      provider.pack({ n, k, b: pb, transposeB: true });
      provider.dispose();
      assert.ok(bench.memory.allocatedBytes < allocatedBytes);
      bench.checkGuards();
    });
  });
}

test('addresses above 2 GiB, up to the last byte of 4 GiB', async (context) => {
  const existing = wholeAddressSpace();
  if (existing === undefined) return context.skip('this machine has no room for 4 GiB of addresses');
  const memory = new Memory({ shared: false, existing });
  const kernels = await loadKernels(memory);
  const { f32 } = memory;
  const [m, n, k] = [5, 19, 37];
  // C ends where the address space ends; the others lie below it, above 2 GiB.
  const c = 2 ** 32 - m * n * 4;
  const a = 2 ** 31 + 64;
  const b = 3 * 2 ** 30;
  const scratch = b + 2 ** 20;
  const packed = b + 2 ** 21;
  const value = (index: number): number => mix32(index) / 2 ** 31 - 1;
  for (let index = 0; index < m * k; index++) f32[a / 4 + index] = value(index);
  for (let index = 0; index < k * n; index++) f32[b / 4 + index] = value(index + m * k);
  const expected = range(m * n).map((index) =>
    range(k).reduce((sum, p) => sum + value(Math.floor(index / n) * k + p) * value(m * k + p * n + (index % n)), 0),
  );
  const result = (): Float32Array => f32.slice(c / 4);
  kernels.matrixMultiply(m, n, k, a, 0, k, b, 0, n, c, n, 0, scratch);
  close(result(), expected);
  kernels.matrixPack(n, k, b, 0, n, packed);
  kernels.matrixMultiplyPacked(m, n, k, a, k, packed, c, n, 1, scratch);
  close(
    result(),
    expected.map((entry) => 2 * entry),
  );
  kernels.matrixMultiplyPacked(m, n, k, a, k, packed, c, n, 0, scratch);
  close(result(), expected);
  kernels.logSoftmax(c, 0, m, n);
  assert.ok(
    Math.abs(
      result()
        .subarray(0, n)
        .reduce((sum, entry) => sum + Math.exp(entry), 0) - 1,
    ) < 1e-5,
  );
  kernels.fill(c, 3, m * n);
  assert.ok(result().every((entry) => entry === 3));
  assert.equal(kernels.sumOfSquares(c, m * n), 9 * m * n);
});

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(values, (_, index) => at(values, (index % rows) * columns + Math.floor(index / rows)));
}

/** A memory of all 4 GiB of addresses; pages that are not touched cost nothing. */
function wholeAddressSpace(): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: 65_536, maximum: 65_536 });
  } catch {
    return undefined;
  }
}
