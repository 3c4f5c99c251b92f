import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateCorpus, estimateModel, vocabulariesOf } from '../../../src/analysis/cost/estimate.js';
import { memoryFiles } from '../../../src/core/memory-files.js';
import { configurationOf, type ConfigurationInput } from '../../../src/training/configuration.js';
import { trainTokenizers } from '../../../src/training/tokenizers.js';

const model = { kind: 'lstm', hidden: 8 } as const;
const pairs = (count: number) => Array.from({ length: count }, (_, line) => `one ${line % 7}\ttwo three\n`).join('');

const wordsOfPairs: ConfigurationInput = {
  version: 1,
  data: { train: { tsv: 'pairs' } },
  tokenizer: { kind: 'word', split: 'spaces' },
  model,
};
const configurations: Record<string, ConfigurationInput> = {
  'words of pairs': wordsOfPairs,
  'byte pairs of both sides': { version: 1, data: { train: { tsv: 'pairs' } }, tokenizer: { kind: 'bpe', size: 2_000 }, model },
  'characters of text': { version: 1, data: { train: { text: ['text'] } }, tokenizer: { kind: 'character' }, model },
};

for (const [name, input] of Object.entries(configurations)) {
  test(`a corpus that is counted whole gives the vocabulary of its training: ${name}`, async () => {
    const files = memoryFiles({ pairs: pairs(40), text: 'to be or not to be' });
    const configuration = configurationOf(input);
    const corpus = await estimateCorpus(files, configuration);
    const { vocabularies } = corpus;
    const trained = await trainTokenizers({ files, source: configuration.data.train, options: configuration.tokenizer });
    assert.deepEqual(vocabularies?.target, trained.target.size);
    assert.deepEqual(vocabularies?.source, trained.source?.size);
    assert.ok(trained.target.size < vocabulariesOf(configuration).target);
    assert.ok(estimateModel(configuration, corpus).parameters < estimateModel(configuration).parameters);
  });
}

test('of a corpus that is larger than the sample words are counted all the same; merged pairs stay open unless they are as many as may be', async () => {
  const files = memoryFiles({ pairs: `${pairs(10_001)}rare\tword\n` });
  const vocabulariesFor = async (name: string, tokenizer: object = {}) => {
    const input = configurations[name] as ConfigurationInput;
    const configuration = configurationOf({ ...input, tokenizer: { ...input.tokenizer, ...tokenizer } } as ConfigurationInput);
    return (await estimateCorpus(files, configuration)).vocabularies;
  };
  assert.deepEqual(await vocabulariesFor('words of pairs', { minimumCount: 1 }), { source: 4 + 9, target: 4 + 3 });
  assert.equal(await vocabulariesFor('byte pairs of both sides'), undefined);
  assert.deepEqual(await vocabulariesFor('byte pairs of both sides', { size: 280 }), { source: 280, target: 280 });
});

test('lengths are measured evenly in a corpus that is sorted by length', async () => {
  const line = (words: number) => `${'word '.repeat(words).trim()}`;
  const sorted = Array.from({ length: 4_000 }, (_, index) => `${line(1 + (index >> 7))}\t${line(1)}\n`).join('');
  const { sourceTokensPerPair, longestSource } = await estimateCorpus(memoryFiles({ pairs: sorted }), configurationOf(wordsOfPairs));
  assert.ok(Math.abs(sourceTokensPerPair - 16.1) < 0.1, `${sourceTokensPerPair}`);
  assert.equal(longestSource, 32);
});

test('contexts of a text are those of each of its documents', async () => {
  const files = memoryFiles({ text: `${'a'.repeat(10)}\n${'b'.repeat(500)}\n` });
  const configuration = configurationOf({
    version: 1,
    data: { train: { text: ['text'], documents: 'line' }, context: 256, examples: 3 },
    tokenizer: { kind: 'bytes' },
    model,
  });
  assert.equal((await estimateCorpus(files, configuration)).pairs, 3);
  const { examples: _, ...data } = configuration.data;
  assert.equal((await estimateCorpus(files, { ...configuration, data })).pairs, 3);
  await assert.rejects(estimateCorpus(files, { ...configuration, data: { ...data, examples: 4 } }), /at most 3/);
});
