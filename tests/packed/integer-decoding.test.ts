import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { decade } from '../../src/decade.js';
import { load } from '../../src/load.js';
import { transformerOptions } from '../../src/models/transformer/options.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { train } from '../../src/parallel/train.js';
import { configurationOf } from '../../src/training/configuration.js';
import { digitPairs, tinyConfiguration } from '../training/tiny-run.js';
import { packed } from './packed-run.js';

const gemm = 'webassembly';
const pairs = ['1 2 3', '4 5', '9 9 1 0 2', '7'].map((source) => ({ source, target: source.split(' ').reverse().join(' ') }));
const lines = pairs.map(({ source }) => source);
let runtime: Runtime;

/** Enough updates that the networks have learnt to reverse. */
const stop = { steps: 120 };
const configurations = {
  lstm: tinyConfiguration({ stop }, { model: { hidden: 64, attention: 'dot', dropout: 0 } }),
  transformer: configurationOf({
    ...tinyConfiguration({ stop, optimizer: { kind: 'adam', learningRate: 0.003 } }),
    model: transformerOptions.parse({ kind: 'transformer', encoderLayers: 1, decoderLayers: 1, width: 64, heads: 4, dropout: 0 }),
  }),
};

before(async () => {
  const files = memoryFiles({ 'data/train.tsv': digitPairs(400, 1), 'data/dev.tsv': digitPairs(20, 2) });
  runtime = { ...nodeRuntime, files, sharedMemory: false };
  for (const [name, configuration] of Object.entries(configurations)) {
    await train(runtime, configuration, { out: name, gemm });
    await packed(files, name, { out: `${name}.decade`, precision: 'int8' });
  }
});

for (const name of Object.keys(configurations)) {
  describe(`a model in int8, ${name}`, () => {
    test('is computed in integers: near the run, and not what its rounded weights give in floats', async () => {
      const library = decade(runtime);
      await library.unpack(`${name}.decade`, { out: `${name}-rounded` });
      const [run = [], rounded = [], integers = []] = await Promise.all(
        [name, `${name}-rounded`, `${name}.decade`].map(async (from) =>
          (await library.score(from, pairs, { gemm })).map(({ logProbability }) => logProbability),
        ),
      );
      for (const [at, value] of integers.entries()) {
        assert.notEqual(value, rounded[at]);
        assert.ok(Math.abs(value - (run[at] ?? 0)) < 0.02 * Math.abs(run[at] ?? 0) + 0.05, `${integers} for ${run}`);
      }
    });

    test('gives a sentence the same score alone and in company, to the bit, and as a search has found it', async () => {
      const model = await load(runtime, `${name}.decade`, { gemm, beam: 3 });
      const together = await model.score(pairs);
      for (const [at, pair] of pairs.entries()) assert.deepEqual(await model.score([pair]), [{ ...together[at], line: 1 }]);
      for (const { text, logProbability, line } of await model.translate(lines)) {
        const [again] = await model.score([{ source: lines[line - 1] ?? '', target: text }]);
        assert.ok(
          Math.abs((again?.logProbability ?? 0) - logProbability) < 1e-4 * Math.abs(logProbability) + 1e-5,
          `${again?.logProbability} for ${logProbability}`,
        );
      }
      await model.dispose();
    });

    test('gives the same in machine code, where there is some, to rounding of the rest', async () => {
      const [portable, own] = [await load(runtime, `${name}.decade`, { gemm }), await load(runtime, `${name}.decade`)];
      const [expected, found] = [await portable.score(pairs), await own.score(pairs)];
      // A rounding of the rest may move an activation to the next of its 127 steps.
      for (const [at, { logProbability }] of found.entries()) {
        assert.ok(Math.abs(logProbability - (expected[at]?.logProbability ?? 0)) < 0.02 * Math.abs(logProbability) + 0.02);
      }
      await portable.dispose();
      await own.dispose();
    });
  });
}
