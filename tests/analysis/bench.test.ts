import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recurrentShapes } from '../../src/analysis/cost/bench-shapes.js';
import { benchTrain } from '../../src/analysis/cost/bench-train.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { keptThreads } from '../parallel/kept-threads.js';

test('bench train replays exactly the products of an update', async () => {
  // A tenth of the shape's own: the portable kernels take long for it.
  const length = 2;
  const { layers, hidden, sentences, targetVocabulary } = recurrentShapes.small;
  const result = await benchTrain(keptThreads, { config: 'small', length, devices: 1, seconds: 0.1, profile: true }, () => 2 ** 20);
  // A token's layer multiplies [hidden] by [4 hidden, hidden] twice, forward and twice more backward, but for the first
  // steps: the encoder starts from zeros, so its first hidden product is left out forward and backward.
  const product = 2 * 4 * hidden * hidden;
  const recurrent = 3 * 2 * layers * product * sentences * 2 * length - 2 * layers * product * sentences;
  const softmax = 3 * 2 * hidden * targetVocabulary * sentences * length;
  const operations = result.gflops * result.stepMs * 1e6;
  assert.ok(Math.abs(operations / (recurrent + softmax) - 1) < 0.01, `${operations} ${recurrent + softmax}`);
  // Two short measurements on a machine that does other things meanwhile: a wrong unit shows, a share does not.
  assert.ok(result.fractionOfBound > 0.1 && result.fractionOfBound < 10);
  assert.ok((result.profileMs?.products ?? 0) > 0);
  assert.ok(Math.abs(result.wordsPerSecond * result.stepMs - 1000 * sentences * 2 * length) < 0.02 * 1000 * sentences * 2 * length);
});

test('bench train says which precision was really used', async () => {
  const options = { config: 'small', length: 1, devices: 1, seconds: 0, gemm: 'webassembly', precision: 'bf16' } as const;
  const { precision, warning } = await benchTrain(keptThreads, options, () => 0);
  assert.equal(precision, 'f32');
  assert.match(warning ?? '', /webassembly was asked for; products are computed in f32/);
});

test("the paper's own configuration has 384 million parameters, 64 million of them recurrent", () => {
  const { layers, hidden, sourceVocabulary, targetVocabulary } = recurrentShapes[2014];
  const { parameters } = createModel(modelOptions.parse({ kind: 'lstm', layers, hidden }), {
    source: sourceVocabulary,
    target: targetVocabulary,
  });
  const recurrent = Array.from(parameters)
    .filter(({ name }) => /^(encoder|decoder)\./.test(name))
    .reduce((sum, { size }) => sum + size, 0);
  assert.equal(Math.round(parameters.count / 1e6), 384);
  assert.equal(Math.round(recurrent / 1e6), 64);
});

test('an unknown shape is refused with a suggestion', async () => {
  await assert.rejects(
    benchTrain(keptThreads, { config: 'smal', devices: 1, seconds: 1 }, () => 0),
    /--config: smal; expected .*did you mean small/i,
  );
});
