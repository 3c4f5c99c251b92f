import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { Addresses } from '../../src/experiments/addresses.js';
import { train } from '../../src/experiments/steps.js';
import { configurationOf, printConfiguration, resolveConfiguration } from '../../src/training/configuration.js';

const read = (training: string, set: readonly string[] = []) =>
  resolveConfiguration(`version: 1\ndata: { train: { tsv: train.tsv } }\ntraining: ${training}\n`, 'c.yaml', set);

test('a configuration that says words for tokens is read as if it said tokens, and printed so', () => {
  const former = read('{ normalise: words, batch: { words: 300 } }');
  assert.deepEqual(former, read('{ normalise: tokens, batch: { tokens: 300 } }'));
  assert.deepEqual(former.training.batch, { tokens: 300 });
  assert.match(printConfiguration(former), /normalise: tokens/);
});

test('--set takes both spellings, too', () => {
  const { batch, normalise } = read('{}', ['training.normalise=words', 'training.batch={ words: 7 }']).training;
  assert.deepEqual({ batch, normalise }, { batch: { tokens: 7 }, normalise: 'tokens' });
});

test('words and tokens together, or a wrong number of words, are mistakes with their line', () => {
  assert.throws(() => read('{ batch: { words: 3, tokens: 3 } }'), /line 3: training\.batch\.words: unknown key/);
  assert.throws(() => read('{ batch: { words: 0 } }'), /line 3: training\.batch\.tokens: 0; expected a number of at least 1/);
});

test('a training keeps the address it had when tokens were called words', async () => {
  const configuration = configurationOf({
    version: 1,
    data: { train: { tsv: 'train.tsv' } },
    training: { normalise: 'tokens', batch: { tokens: 300 } },
  });
  const addresses = new Addresses(memoryFiles({ 'train.tsv': 'a\tb\n' }));
  assert.equal(await addresses.of(train(configuration)), 'reversed-2x512-seed1-d4ddd04006');
});
