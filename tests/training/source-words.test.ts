import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Run } from '../../src/checkpoint/run.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { openCorpus } from '../../src/data/corpus.js';
import { filterOptions } from '../../src/data/filter.js';
import { configurationOf } from '../../src/training/configuration.js';
import { trainTokenizers } from '../../src/training/tokenizers.js';
import { train } from '../../src/training/train.js';
import { localContext } from './tiny-run.js';

const configuration = (tsv: string) =>
  configurationOf({
    version: 1,
    data: { train: { tsv } },
    tokenizer: { kind: 'bpe', size: 300, minimumCount: 1 },
    model: { kind: 'lstm', layers: 1, hidden: 4 },
    training: { stop: { steps: 1 } },
  });
const corpora = { 'first.tsv': 'one two\tun deux\nsix\tsix\n', 'second.tsv': 'two three\tdeux trois\n' };

test('a run keeps the words of its training source, and not those of the target', async () => {
  const files = memoryFiles(corpora);
  await train(localContext(files), configuration('first.tsv'), { out: 'run' });
  assert.equal(await files.readText('run/source-words.txt'), 'one\nsix\ntwo\n');
  const { sourceWords } = await (await Run.open(files, 'run')).tokenizers();
  assert.deepEqual([sourceWords?.has('two'), sourceWords?.has('deux')], [true, false]);
  await files.remove('run/source-words.txt');
  assert.equal((await (await Run.open(files, 'run')).tokenizers()).sourceWords, undefined, 'a run of an older decade has none');
});

test('a run that begins with the model of another knows the words of both', async () => {
  const files = memoryFiles(corpora);
  await train(localContext(files), configuration('first.tsv'), { out: 'run' });
  await train(localContext(files), configuration('second.tsv'), { out: 'tuned', init: 'run' });
  assert.equal(await files.readText('tuned/source-words.txt'), 'three\ntwo\none\nsix\n');
});

test('pairs with a side in which there is nothing to see are empty pairs', async () => {
  const blank = ['\u00A0', '\u200B\u00AD', ' \u202F ', '\u3164\uFE0F', '\u2060'];
  const pairs = ['one\tun', ...blank.map((text) => `${text}\tun`), ...blank.map((text) => `one\t${text}`)];
  const files = memoryFiles({ 'train.tsv': pairs.map((pair) => `${pair}\n`).join('') });
  const { tokenizer: options, data } = configuration('train.tsv');
  const { source, target } = await trainTokenizers({ files, source: data.train, options });
  const corpus = await openCorpus({
    files,
    source: data.train,
    sourceTokenizer: source,
    targetTokenizer: target,
    filter: filterOptions.parse({}),
    cache: { files, directory: 'cache' },
  });
  assert.deepEqual([corpus.pairs, corpus.report.dropped.empty], [1, { count: 10, firstLine: 2 }]);
  await corpus.close();
});
