import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unigramPerplexity } from '../../../src/analysis/examination/unigram.js';
import { memoryFiles } from '../../../src/core/memory-files.js';
import { openCorpus } from '../../../src/data/corpus.js';
import { trainTokenizer } from '../../../src/text/train-tokenizer.js';

test('the control knows how often each token occurs, the end of the sentence among them', async () => {
  const files = memoryFiles({ train: 'a\tx x y\na\tx\n', dev: 'a\ty\n' });
  const tokenizer = await trainTokenizer(['a x y'], { kind: 'word', split: 'spaces' });
  const open = (tsv: string) =>
    openCorpus({
      files,
      source: { tsv },
      sourceTokenizer: tokenizer,
      targetTokenizer: tokenizer,
      filter: { maximumLength: 100, maximumRatio: 100, balancedUpTo: 10 },
      cache: { files, directory: 'cache' },
    });
  const [train, dev] = [await open('train'), await open('dev')];
  // Of 4 tokens and 2 ends: y once, the end twice; each count is one more than that.
  const total = 4 + 2 + tokenizer.size + 1;
  const expected = Math.sqrt((total / 2) * (total / 3));
  const actual = await unigramPerplexity(train, dev, tokenizer.size);
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, expected ${expected}`);
  await train.close();
  await dev.close();
});
