import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { chosenPairs } from '../../src/data/chosen-pairs.js';
import { openCorpus } from '../../src/data/corpus.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';

const lines = Array.from({ length: 40 }, (_, line) => 'abcdefghij'.slice(0, 1 + (line % 10)) + line);
const files = memoryFiles({
  text: `${lines.join('\n')}\n`,
  source: `${lines.join('\n')}\n`,
  target: `${lines.map((line) => `${line}!`).join('\n')}\n`,
});
const filter = { maximumLength: 100, maximumRatio: 9, balancedUpTo: 20 };

test('a part of a corpus is drawn at random, reads as the pairs of the whole, and contains a smaller part', async () => {
  const tokenizer = await trainTokenizer([], { kind: 'bytes' });
  const cache = { files, directory: 'cache' };
  const open = (examples?: number) =>
    openCorpus({
      files,
      source: { source: 'source', target: 'target' },
      sourceTokenizer: tokenizer,
      targetTokenizer: tokenizer,
      filter,
      cache,
      examples,
    });
  const [whole, part, smaller] = [await open(), await open(12), await open(5)];
  const all = async (corpus: typeof whole) =>
    (await corpus.read(Array.from({ length: corpus.pairs }, (_, pair) => pair))).map(({ source, target }) =>
      [tokenizer.decode(source), tokenizer.decode(target)].join(' '),
    );
  const [inWhole, inPart, inSmaller] = [await all(whole), await all(part), await all(smaller)];
  assert.deepEqual([inPart.length, inSmaller.length], [12, 5]);
  assert.ok(inPart.every((pair) => inWhole.includes(pair)) && inSmaller.every((pair) => inPart.includes(pair)));
  assert.notDeepEqual(inPart, inWhole.slice(0, 12), 'corpora are often sorted');
  assert.equal(
    part.targetTokens,
    inPart.reduce((sum, pair) => sum + (pair.split(' ')[1]?.length ?? 0), 0),
  );
  assert.equal(part.key, whole.key, 'one cache serves all parts');
  await assert.rejects(open(41), /data\.examples: 41; expected at most 40, as many as source and target has/);
  for (const corpus of [whole, part, smaller]) await corpus.close();
});

test('a part of a text has contexts of the whole, each with what stands before it', async () => {
  const targetTokenizer = await trainTokenizer([], { kind: 'bytes' });
  const source = { text: ['text'], documents: 'line' as const };
  const contexts = { context: 8, across: true };
  const open = (examples?: number) =>
    openCorpus({ files, source, targetTokenizer, filter, contexts, cache: { files, directory: 'cache' }, examples });
  const [whole, part] = [await open(), await open(10)];
  const chosen = chosenPairs(whole.pairs, 10, 'text') ?? assert.fail();
  const [expected, found] = [await whole.read(chosen), await part.read(Array.from({ length: 10 }, (_, pair) => pair))];
  const contents = ({ key: _, ...pair }: (typeof found)[number]) => pair;
  assert.deepEqual(found.map(contents), expected.map(contents));
});
