import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { joinPath } from '../../src/core/files.js';
import { nodeFiles } from '../../src/node/files/files.js';
import type { ProviderChoice } from '../../src/node/native/libraries.js';
import { matrixProviders, openMatrixProvider } from '../../src/node/native/providers.js';
import { selfCheck } from '../../src/node/native/self-check.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { type MatrixProvider, matrixIdentity } from '../../src/tensor/matrix.js';
import { Memory } from '../../src/tensor/memory.js';
import { assertAgrees, assertAgreesOverNoTerms, place } from './matrix-products.js';
import { MatrixThreads } from './matrix-threads.js';

const choices: readonly ProviderChoice[] = [
  { name: 'onednn', packing: 'plain' },
  { name: 'onednn', packing: 'avx512' },
  { name: 'onednn', packing: 'avx2' },
  { name: 'openblas', packing: 'plain' },
  { name: 'openblas', packing: 'avx512' },
  { name: 'openblas', packing: 'avx2' },
  { name: 'mkl', packing: 'plain' },
  { name: 'accelerate', packing: 'plain' },
  { name: 'avx512' },
  { name: 'avx2' },
  { name: 'webassembly' },
];
const sizes = [
  [1, 1, 1],
  [3, 17, 64],
  [17, 129, 3],
  [1, 129, 65],
  [64, 64, 129],
  [65, 130, 270],
  [200, 33, 130],
  [20, 33, 1100],
  [30, 300, 511],
  [1400, 17, 40],
  [31, 18, 512],
  [29, 40, 1024],
] as const;
const stridedSizes = [
  [1, 1, 1],
  [3, 17, 64],
  [2, 64, 40],
  [33, 130, 70],
  [70, 9, 513],
] as const;
const truths = [false, true];

const memory = new Memory({ shared: true });
const webAssembly = webAssemblyProvider(memory, await loadKernels(memory));
// Only the pages that are touched take room. Blocks are cut from the lowest free room, which is below from here on.
const low = memory.allocate(2 ** 31);
const high = memory.allocate(8 * 1024 ** 2);
memory.free(low);
const directory = await mkdtemp(joinPath(tmpdir(), 'decade-providers-'));
const { DECADE_GEMM: inherited } = process.env;
before(() => {
  delete process.env.DECADE_GEMM;
});
const threads = new MatrixThreads(memory);
after(async () => {
  await threads.end();
  if (inherited !== undefined) process.env.DECADE_GEMM = inherited;
  await rm(directory, { recursive: true, force: true });
});

for (const choice of choices) {
  const provider = await provided(choice);
  // What is here and computes something wrong is no reason to skip its tests.
  const isWrong = provider instanceof DecadeError && provider.message.includes('failed its self-check');
  const skip = provider instanceof DecadeError && !isWrong ? provider.parts.received : false;
  describe(Object.values(choice).join(', '), { skip }, () => {
    if (provider instanceof DecadeError) {
      it('passes its self-check', () => assert.fail(provider));
      return;
    }

    it('agrees with a float64 product on odd sizes, transposed, accumulated and packed', () => {
      const block = memory.allocate(4 * (30 * 511 + 300 * 511 + 1400 * 57));
      for (const [m, n, k] of sizes) {
        for (const transposeA of truths) {
          for (const transposeB of truths) {
            for (const accumulate of truths) assertAgrees(memory, provider, block.offset, { m, n, k, transposeA, transposeB, accumulate });
          }
        }
      }
      memory.free(block);
    });

    it('multiplies columns of larger matrices, and touches nothing beside the result', () => {
      const block = memory.allocate(4 * 6 * 520 * 520);
      for (const [m, n, k] of stridedSizes) {
        for (const beside of [
          [3, 0, 0],
          [0, 5, 0],
          [0, 0, 1],
          [512 - (k % 512), 9, 33],
        ] as const) {
          for (const transposeA of truths) {
            for (const transposeB of truths) {
              for (const accumulate of truths) {
                assertAgrees(memory, provider, block.offset, { m, n, k, transposeA, transposeB, accumulate, beside });
              }
            }
          }
        }
      }
      memory.free(block);
    });

    it('gives the same bits again, whichever way of reading columns it is trying', () => {
      const block = memory.allocate(4 * (90 * 70 + 90 * 130 + 70 * 130));
      const product = place(memory, block.offset, { m: 70, n: 130, k: 90, transposeA: true, transposeB: false, accumulate: false }, 1);
      const results = Array.from({ length: 20 }, () => {
        provider.multiply(product);
        return memory.f32.slice(product.c / 4, product.c / 4 + 70 * 130);
      });
      for (const result of results) assert.deepEqual(result, results[0]);
      memory.free(block);
    });

    it('refuses rows that would overlap, and sizes that are no counts', () => {
      const product = { m: 4, n: 3, k: 2, a: high.offset, transposeA: false, b: high.offset, transposeB: true, c: high.offset };
      const multiply = (change: object) => () => provider.multiply({ ...product, accumulate: false, ...change });
      assert.throws(multiply({ strideA: 1 }), /matrix product: strideA.*1.*from 2 on/);
      assert.throws(multiply({ strideB: 1 }), /matrix product: strideB.*1.*from 2 on/);
      assert.throws(multiply({ strideC: 2.5 }), /matrix product: strideC.*2\.5.*from 3 on/);
      assert.throws(multiply({ m: -1 }), /matrix product: m.*-1/);
      assert.throws(() => provider.pack({ ...product, strideB: 1 }).multiply({ ...product, accumulate: false }), /strideB/);
    });

    it('works above 2 GiB', () => {
      assert.ok(high.offset > 2 ** 31);
      for (const transposeB of truths) {
        assertAgrees(memory, provider, high.offset, { m: 33, n: 130, k: 70, transposeA: false, transposeB, accumulate: true });
      }
    });

    it('packs again into the room that was released', () => {
      const block = memory.allocate(4 * 64 * 100);
      memory.f32.fill(0.5, block.offset / 4, (block.offset + block.bytes) / 4);
      const weights = { n: 64, k: 100, b: block.offset, transposeB: true };
      provider.pack(weights).release();
      const held = provider.externalBytes;
      for (let round = 0; round < 10; round++) provider.pack(weights).release();
      assert.equal(provider.externalBytes, held);
      const [first, second] = [provider.pack(weights), provider.pack(weights)];
      first.release();
      first.release();
      second.release();
      assert.ok(provider.externalBytes <= 2 * held);
      memory.free(block);
    });

    it('keeps working through hundreds of row counts', () => {
      const block = memory.allocate(4 * (20 * 8 + 20 * 8 + 8 * 300 * 2 + 20 * 300));
      const { offset } = block;
      const packed = provider.pack({ n: 8, k: 20, b: offset, transposeB: false });
      const [a, c] = [offset + 1024, offset + 1024 + 4 * 20 * 260];
      for (let m = 1; m <= 260; m++) packed.multiply({ m, a, c, accumulate: false });
      packed.release();
      assertAgrees(memory, provider, offset, { m: 3, n: 8, k: 20, transposeA: false, transposeB: false, accumulate: false });
      memory.free(block);
    });

    it('gives zeros, or what was there, for a product over no terms', () => assertAgreesOverNoTerms(memory, provider));

    if (provider.name === 'avx512' || provider.name === 'avx2') {
      it('reads nothing behind the end of the memory, whatever an operand that ends there has left over', () => {
        const block = memory.allocate(64 * 1024);
        const { offset } = block;
        const end = memory.webAssembly.buffer.byteLength;
        const product = { k: 20, transposeA: true, transposeB: false, c: offset + 32 * 1024, accumulate: false };
        for (let count = 1; count <= 40; count++) {
          const last = end - 4 * product.k * count;
          provider.multiply({ ...product, m: count, n: 32, a: last, b: offset });
          provider.multiply({ ...product, m: 6, n: count, a: offset, b: last });
        }
        memory.free(block);
      });

      it('gives a row the same bits alone and in any batch, packed or not, whatever lies beside it', () => {
        for (const [rows, n, k] of [
          [31, 70, 521],
          [31, 70, 512],
        ] as const) {
          const block = memory.allocate(4 * (rows * k + n * k + rows * n));
          const { a, b, c } = place(memory, block.offset, { m: rows, n, k, transposeA: false, transposeB: false, accumulate: false }, 3);
          const packed = provider.pack({ n, k, b, transposeB: false });
          const lastRow = (m: number, multiply: (a: number) => void) => {
            multiply(a + 4 * (rows - m) * k);
            return memory.f32.slice(c / 4 + (m - 1) * n, c / 4 + m * n);
          };
          const alone = lastRow(1, (left) => packed.multiply({ m: 1, a: left, c, accumulate: false }));
          for (let m = 1; m <= rows; m++) {
            const product = { m, n, k, transposeA: false, b, transposeB: false, c, accumulate: false };
            assert.deepEqual(
              lastRow(m, (left) => provider.multiply({ ...product, a: left })),
              alone,
            );
            assert.deepEqual(
              lastRow(m, (left) => packed.multiply({ m, a: left, c, accumulate: false })),
              alone,
            );
          }
          packed.release();
          memory.free(block);
        }
      });
    }

    it('works in two threads at the same time on one memory', async () => {
      for (const error of await threads.errors(choice)) assert.ok(error > 0 && error < 2e-6, String(error));
    });
  });
}

describe('choosing a matrix provider', () => {
  // Shared by the tests, since each decision takes a second.
  const cacheDirectory = joinPath(directory, 'cache/decade');

  it('takes one that passed, says how fast each is, and remembers', async () => {
    const first = await matrixProviders(memory, webAssembly, { cacheDirectory, all: true, measure: true });
    const names = first.reports.map(({ name }) => name);
    assert.deepEqual(names, ['avx512', 'avx2', 'onednn', 'openblas', 'mkl', 'accelerate', 'webassembly']);
    for (const report of first.reports) {
      if (!report.available) assert.ok(report.reason !== undefined && report.reason !== '', report.name);
    }
    assert.equal(selfCheck(memory, first.provider), undefined);
    assert.equal(first.provider.name, first.choice.name);
    const { file = '' } = first.decision;
    assert.deepEqual(await nodeFiles.list(cacheDirectory), [file.slice(cacheDirectory.length + 1)]);
    const saved = await nodeFiles.readText(file);
    const second = await matrixProviders(memory, webAssembly, { cacheDirectory });
    assert.deepEqual(second.choice, first.choice);
    assert.deepEqual(second.reports, first.reports);
    assert.deepEqual(second.decision, first.decision);
    assert.equal(await nodeFiles.readText(file), saved);
    const reopened = await openMatrixProvider(memory, webAssembly, first.choice);
    assert.equal(reopened.description, first.provider.description);
  });

  it('measures again when the record is broken, and does without one that cannot be written', async () => {
    const { decision } = await matrixProviders(memory, webAssembly, { cacheDirectory });
    const { file = '' } = decision;
    await writeFile(file, '{"formatVersion": 2, "key": 3');
    const { provider } = await matrixProviders(memory, webAssembly, { cacheDirectory });
    assert.equal(selfCheck(memory, provider), undefined);
    JSON.parse(await nodeFiles.readText(file));
    const unwritable = await matrixProviders(memory, webAssembly, { cacheDirectory: file });
    assert.equal(selfCheck(memory, unwritable.provider), undefined);
    assert.equal(unwritable.decision.file, undefined);
  });

  it('computes with what was decided, whatever is faster today, until it is measured again and clearly slower', async () => {
    const options = { cacheDirectory };
    const { decision, reports } = await matrixProviders(memory, webAssembly, options);
    const { file = '' } = decision;
    const record = JSON.parse(await nodeFiles.readText(file));
    await writeFile(file, JSON.stringify({ ...record, choice: 'webassembly' }));
    assert.equal((await matrixProviders(memory, webAssembly, options)).choice.name, 'webassembly');
    const again = await matrixProviders(memory, webAssembly, { ...options, measure: true });
    const fastestNow = Math.max(...reports.map(({ speed }) => speed?.gflops ?? 0));
    const portable = reports.find(({ name }) => name === 'webassembly')?.speed?.gflops ?? 0;
    if (portable > 0 && fastestNow > 1.5 * portable) assert.notEqual(again.choice.name, 'webassembly');
    assert.equal(JSON.parse(await nodeFiles.readText(file)).choice, matrixIdentity(again.provider));
  });

  it('obeys an option, and the environment variable without one', async () => {
    const forced = await matrixProviders(memory, webAssembly, { gemm: 'webassembly', cacheDirectory });
    assert.equal(forced.provider, webAssembly);
    process.env.DECADE_GEMM = 'webassembly';
    const environment = await matrixProviders(memory, webAssembly, { cacheDirectory });
    delete process.env.DECADE_GEMM;
    assert.deepEqual(environment.choice, { name: 'webassembly' });
  });

  it('opens again what an identity names, packing and all, so that a resumed run gets the same bits', async (context) => {
    const { reports } = await matrixProviders(memory, webAssembly, { all: true, cacheDirectory });
    const native = reports.filter(({ name, available }) => available && name !== 'webassembly');
    if (native.length === 0) return context.skip('no native matrix library here');
    for (const { name } of native) {
      if (name === 'avx512' || name === 'avx2') continue;
      const own = (['avx512', 'avx2'] as const).filter((vectors) => native.some((report) => report.name === vectors));
      for (const packing of ['plain', ...own]) {
        const { provider } = await matrixProviders(memory, webAssembly, { gemm: `${name}/${packing}`, cacheDirectory });
        assert.equal(matrixIdentity(provider), `${name}/${packing}`);
        provider.dispose();
      }
    }
    await refused(matrixProviders(memory, webAssembly, { gemm: 'onednn/panels' }), 'usage', /"onednn\/panels"/);
    await refused(matrixProviders(memory, webAssembly, { gemm: 'webassembly/plain' }), 'usage', /"webassembly\/plain"/);
  });

  it('refuses an unknown name and a library that is not here, and lists what there is', async () => {
    await refused(
      matrixProviders(memory, webAssembly, { gemm: 'openblass' }),
      'usage',
      /"openblass".*auto, blas, webassembly.*"openblas"\?/,
    );
    const absent = process.platform === 'darwin' ? 'mkl' : 'accelerate';
    await refused(
      matrixProviders(memory, webAssembly, { gemm: absent, cacheDirectory }),
      'resource',
      new RegExp(`"${absent}" cannot be used here \\(${absent}: .+\\); expected auto, webassembly`),
    );
  });

  it('finds a wrong product by its self-check', () => {
    const faults: [string, Partial<MatrixProvider>][] = [
      ['accumulate', { multiply: (product) => webAssembly.multiply({ ...product, accumulate: false }) }],
      ['transpose', { multiply: (product) => webAssembly.multiply({ ...product, transposeB: !product.transposeB }) }],
      ['short', { multiply: (product) => webAssembly.multiply({ ...product, m: Math.max(1, product.m - 1) }) }],
      ['packed', { pack: (right) => webAssembly.pack({ ...right, transposeB: !right.transposeB }) }],
      [
        'overrun',
        { multiply: (product) => overrun(product.c + 4 * product.m * (product.strideC ?? product.n), () => webAssembly.multiply(product)) },
      ],
      ['strides', { multiply: (product) => webAssembly.multiply({ ...product, strideC: product.n }) }],
      ['unavailable', { multiply: () => assert.fail('no such function') }],
    ];
    for (const [fault, methods] of faults) {
      assert.match(selfCheck(memory, { ...webAssembly, ...methods }) ?? '', /gave|outside|no such function/, fault);
    }
    assert.equal(selfCheck(memory, webAssembly), undefined);
  });
});

async function provided(choice: ProviderChoice): Promise<MatrixProvider | DecadeError> {
  try {
    return await openMatrixProvider(memory, webAssembly, choice);
  } catch (error) {
    if (error instanceof DecadeError) return error;
    throw error;
  }
}

function overrun(end: number, multiply: () => void): void {
  multiply();
  memory.f32[end / 4] = 1;
}

async function refused(promise: Promise<unknown>, kind: string, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DecadeError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    return true;
  });
}
