import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, describe, it, test } from 'node:test';
import { joinPath } from '../../src/core/files.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { bfloat16Choice, bfloat16Warning, mixedPrecision } from '../../src/node/native/mixed-precision.js';
import { Memory } from '../../src/tensor/memory.js';
import { assertAgreesOverNoTerms, place, relativeError, type Shape } from './matrix-products.js';
import { MatrixThreads } from './matrix-threads.js';

const memory = new Memory({ shared: true });
const directory = await mkdtemp(joinPath(tmpdir(), 'decade-mixed-precision-'));
after(() => rm(directory, { recursive: true, force: true }));
const { provider, report } = await mixedPrecision(memory, { gemm: 'onednn', cacheDirectory: directory });
const truths = [false, true];

/** Values of 7 bits, which bfloat16 holds exactly: then a product is as exact as one of 32-bit floats. */
function placeExact(offset: number, shape: Shape) {
  const product = place(memory, offset, shape, 1);
  const values = memory.f32.subarray(offset / 4, product.c / 4);
  for (const [index, value] of values.entries()) values[index] = Math.round(value * 128) / 128;
  return product;
}

describe('products in bfloat16', { skip: provider === undefined ? report.reason : false }, () => {
  if (provider === undefined) return;

  it('agree with a float64 product of rounded matrices on odd sizes, transposed, accumulated, packed and as columns of larger matrices', () => {
    const block = memory.allocate(4 * (65 * 280 + 135 * 280 + 40 * 1110 + 210 * 140));
    for (const [m, n, k] of [
      [1, 1, 1],
      [3, 17, 64],
      [17, 129, 3],
      [65, 130, 270],
      [200, 33, 130],
      [20, 33, 1100],
    ] as const) {
      for (const transposeA of truths) {
        for (const transposeB of truths) {
          for (const accumulate of truths) {
            for (const beside of [
              [0, 0, 0],
              [5, 3, 1],
            ] as const) {
              const product = placeExact(block.offset, { m, n, k, transposeA, transposeB, accumulate, beside });
              const error = relativeError(memory, product, () => provider.multiply(product));
              assert.ok(error < 1e-6, `${JSON.stringify(product)}: error ${error}`);
              if (transposeA) continue;
              const packed = provider.pack(product);
              const packedError = relativeError(memory, product, () => packed.multiply(product));
              assert.ok(packedError < 1e-6, `packed ${JSON.stringify(product)}: error ${packedError}`);
              packed.release();
            }
          }
        }
      }
    }
    memory.free(block);
  });

  it('over no terms give zeros, or what was there', () => assertAgreesOverNoTerms(memory, provider));

  it('round operands to the nearest bfloat16, ties to even', () => {
    const { offset } = memory.allocate(256);
    const cases = [
      [1 + 2 ** -8, 1],
      [1 + 3 * 2 ** -8, 1 + 2 ** -6],
      [1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7],
      [-0.3, -0.30078125],
      [(1 + 2 ** -8 + 2 ** -20) * 2 ** 100, (1 + 2 ** -7) * 2 ** 100],
    ] as const;
    const product = {
      m: 1,
      n: 1,
      k: 1,
      a: offset,
      transposeA: false,
      b: offset + 64,
      transposeB: false,
      c: offset + 128,
      accumulate: false,
    };
    for (const [value, rounded] of cases) {
      for (const [left, right] of [
        [value, 1],
        [1, value],
      ] as const) {
        memory.f32[product.a / 4] = left;
        memory.f32[product.b / 4] = right;
        provider.multiply(product);
        assert.equal(memory.f32[product.c / 4], Math.fround(rounded), `${left} times ${right}`);
      }
    }
  });

  it('use a converted matrix again only when told that it is the same', () => {
    const block = memory.allocate(4 * 3 * 100 * 100);
    // Rows that are no multiple of anything, after a matrix of infinities: what is padded must be zero.
    const first = { m: 100, n: 100, k: 99, transposeA: false, transposeB: false, accumulate: false };
    const infinite = place(memory, block.offset, first, 1);
    memory.f32.fill(Number.POSITIVE_INFINITY, block.offset / 4, (block.offset + block.bytes) / 4);
    provider.multiply(infinite);

    const [rows, columns] = [37, 50];
    const transposed: Shape = { m: columns, n: 40, k: rows, transposeA: true, transposeB: false, accumulate: true };
    const product = placeExact(block.offset, transposed);
    const forward = { ...product, m: rows, n: 30, k: columns, transposeA: false, c: product.c + 4 * columns * 40, accumulate: false };
    provider.multiply(forward);
    assert.ok(relativeError(memory, product, () => provider.multiply({ ...product, sameA: true })) < 1e-6);
    memory.f32[product.a / 4] = 8;
    assert.ok(relativeError(memory, product, () => provider.multiply(product)) < 1e-6);
    // Another matrix is never taken for the one before.
    const other = { ...product, a: product.a + 4 * columns, k: rows - 1, sameA: true };
    assert.ok(relativeError(memory, other, () => provider.multiply(other)) < 1e-6);
    memory.free(block);
  });

  it('keep no more room however often weights are packed, and work through hundreds of row counts', () => {
    const block = memory.allocate(4 * (64 * 100 + 300 * 100 + 300 * 64));
    const product = placeExact(block.offset, { m: 300, n: 64, k: 100, transposeA: false, transposeB: true, accumulate: false });
    provider.pack(product).release();
    const held = provider.externalBytes;
    for (let round = 0; round < 10; round++) provider.pack(product).release();
    assert.equal(provider.externalBytes, held);
    const packed = provider.pack(product);
    for (let m = 1; m <= 300; m++) packed.multiply({ ...product, m });
    assert.ok(relativeError(memory, product, () => packed.multiply(product)) < 1e-6);
    packed.release();
    memory.free(block);
  });

  it('work in two threads at the same time on one memory', async () => {
    const threads = new MatrixThreads(memory);
    // Two operands of relative error 2^-9 each.
    for (const error of await threads.errors(bfloat16Choice)) assert.ok(error > 1e-5 && error < 2 ** -8, String(error));
    await threads.end();
  });
});

test('where bf16 is not to be had, the reason is told and products are f32', async () => {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  for (const round of [1, 2]) {
    const device = await nodeRuntime.openDevice(memory, { gemm: 'webassembly', precision: 'bf16', warn });
    assert.deepEqual([device.matrix.name, device.matrix.precision], ['webassembly', 'f32']);
    assert.equal(warnings.length, round, 'also when the choice is known');
  }
  assert.match(warnings[0] ?? '', /bf16 is not possible here: only onednn .* webassembly was asked for; products are computed in f32/);
});

test('a processor that is slower with bfloat16 is no secret, nor is one that is faster a warning', () => {
  const speed = (gflops: number) => ({ plainGflops: gflops, packedGflops: gflops, gflops });
  assert.equal(bfloat16Warning({ available: true, speed: speed(200), f32Speed: speed(100) }), undefined);
  assert.match(bfloat16Warning({ available: true, speed: speed(60), f32Speed: speed(100) }) ?? '', /slower .* \(60 against 100/);
  assert.match(bfloat16Warning({ available: false, reason: 'no oneDNN' }) ?? '', /not possible here: no oneDNN; .* f32/);
});
