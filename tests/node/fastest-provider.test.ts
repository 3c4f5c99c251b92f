import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForeignInterface } from '../../src/node/foreign.js';
import { measureSpeeds } from '../../src/node/native/calibration.js';
import { fastest } from '../../src/node/native/fastest.js';
import { processorClock } from '../../src/node/native/processor-clock.js';
import type { MatrixProvider } from '../../src/tensor/matrix.js';
import { matrixIdentity } from '../../src/tensor/matrix.js';
import { Memory } from '../../src/tensor/memory.js';

/** A library whose products all do the same work. */
function library(identity: string, work: () => void = () => {}): MatrixProvider {
  const [name = '', packing] = identity.split('/');
  const pack: MatrixProvider['pack'] = () => ({ multiply: work, release: () => {} });
  return {
    ...{ name, precision: 'f32', description: name, externalBytes: 0, multiply: work, pack, dispose: () => {} },
    ...(packing !== undefined && { packing }),
  };
}

/** What is chosen of libraries of these speeds, in this order. */
function chosen(speeds: Readonly<Record<string, number>>, before?: string): string | undefined {
  const candidates = Object.keys(speeds).map((identity) => ({ provider: library(identity) }));
  const results = Object.fromEntries(
    Object.entries(speeds).map(([identity, gflops]) => [identity, { gflops, plainGflops: gflops, packedGflops: gflops }]),
  );
  const best = fastest(candidates, results, before);
  return best && matrixIdentity(best.provider);
}

test('the fastest is taken, and of those that are about as fast the one that is listed first', () => {
  assert.equal(chosen({ openblas: 50, avx2: 80, webassembly: 40 }), 'avx2');
  assert.equal(chosen({ avx2: 78, openblas: 80, webassembly: 40 }), 'avx2');
  assert.equal(chosen({ avx2: 75, openblas: 80, webassembly: 40 }), 'openblas');
  assert.equal(chosen({ 'onednn/avx2': 80, 'onednn/plain': 90, avx2: 82 }), 'onednn/avx2');
  assert.equal(chosen({ 'onednn/avx2': 80, 'onednn/plain': 95 }), 'onednn/plain');
  assert.equal(chosen({ webassembly: 0 }), 'webassembly');
  assert.equal(chosen({}), undefined);
});

test('what was chosen before stays unless another is clearly faster, or it is gone', () => {
  assert.equal(chosen({ openblas: 80, avx2: 95 }, 'openblas'), 'openblas');
  assert.equal(chosen({ openblas: 80, avx2: 95 }, 'avx2'), 'avx2');
  assert.equal(chosen({ openblas: 80, avx2: 78 }, 'avx2'), 'avx2');
  assert.equal(chosen({ openblas: 60, avx2: 95 }, 'openblas'), 'avx2');
  assert.equal(chosen({ 'onednn/avx2': 80, 'onednn/plain': 95 }, 'onednn/avx2'), 'onednn/avx2');
  assert.equal(chosen({ openblas: 80, avx2: 95 }, 'mkl'), 'avx2');
  assert.equal(chosen({ webassembly: 0 }, 'webassembly'), 'webassembly');
});

const foreign = await ForeignInterface.load();
const isTold = foreign instanceof ForeignInterface && (process.platform === 'linux' || process.platform === 'darwin');

test('a library that was kept waiting for the processor counts as no slower', { skip: isTold ? false : 'no clock of a thread' }, () => {
  if (!(foreign instanceof ForeignInterface)) return;
  const never = new Int32Array(new SharedArrayBuffer(4));
  const compute = (rounds: number) => {
    let sum = 0;
    for (let round = 0; round < rounds; round++) sum += Math.sqrt(round);
    assert.ok(sum > 0);
  };
  const steady = library('openblas', () => compute(1_000_000));
  // As on a machine whose neighbours take the processor away for milliseconds, always from the same one.
  const waiting = library('avx2', () => {
    compute(500_000);
    Atomics.wait(never, 0, 0, 2);
  });
  const speeds = measureSpeeds(new Memory({ shared: true }), [steady, waiting], { milliseconds: 20, clock: processorClock(foreign) });
  const results = { openblas: speeds[0] ?? { refused: '' }, avx2: speeds[1] ?? { refused: '' } };
  assert.equal(fastest([{ provider: steady }, { provider: waiting }], results)?.provider.name, 'avx2');
});
