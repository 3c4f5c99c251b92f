import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import type { IdPair } from '../../src/data/batch.js';
import { isVarying, type Tokenizer } from '../../src/text/tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { configurationOf } from '../../src/training/configuration.js';
import { VariedSegmentation } from '../../src/training/varied-segmentation.js';
import { awkwardLines, multilingualLines } from '../text/sample-text.js';

const lines = multilingualLines();
const bytePairs = await trainTokenizer(lines, { kind: 'bpe', size: 1200 });
const bytes = await trainTokenizer(lines, { kind: 'byte-bpe', size: 800 });

function varied(tokenizer: Tokenizer, text: string, isDropped: () => boolean): number[] {
  assert.ok(isVarying(tokenizer));
  return tokenizer.encodeVaried(text, isDropped);
}

for (const tokenizer of [bytePairs, bytes]) {
  test(`${tokenizer.kind}: with no merge left out the tokens are those of encode`, () => {
    for (const line of [...lines, ...awkwardLines])
      assert.deepEqual(
        varied(tokenizer, line, () => false),
        tokenizer.encode(line),
      );
  });

  test(`${tokenizer.kind}: with every merge left out the tokens are characters or bytes, and the text is the same`, () => {
    for (const line of lines) {
      const ids = varied(tokenizer, line, () => true);
      assert.ok(ids.length >= Array.from(tokenizer.normalise(line)).length);
      assert.equal(tokenizer.decode(ids), tokenizer.decode(tokenizer.encode(line)));
    }
  });
}

test('a pair left out now may be merged after another: dropout is drawn anew before each merge', async () => {
  const tokenizer = await trainTokenizer(
    Array.from({ length: 50 }, () => 'abab abab'),
    { kind: 'bpe', size: 400 },
  );
  // The first pair of the lowest rank is passed over once, and taken when it comes again.
  let asked = 0;
  assert.deepEqual(
    varied(tokenizer, 'abab', () => asked++ === 0),
    tokenizer.encode('abab'),
  );
});

const pairs: IdPair[] = lines.map((line, key) => ({ key, source: bytePairs.encode(line), target: bytePairs.encode(line) }));
const options = { tokenizers: { source: bytePairs, target: bytePairs }, probability: 0.2, seed: 1, lengthLimits: undefined };

test('an epoch has one form of each pair, whatever batch it is in; the next epoch has another', () => {
  const segmentation = VariedSegmentation.of(options);
  const first = segmentation?.vary(pairs, 0);
  assert.deepEqual(segmentation?.vary(pairs.slice(3, 5), 0), first?.slice(3, 5));
  assert.notDeepEqual(segmentation?.vary(pairs, 1), first);
  assert.notDeepEqual(
    first?.map(({ source }) => source),
    first?.map(({ target }) => target),
  );
  for (const [place, { source }] of (first ?? []).entries())
    assert.equal(bytePairs.decode(source), bytePairs.decode(pairs[place]?.source ?? []));
});

test('a pair whose varied form a model has no positions for keeps its form', () => {
  const [pair] = pairs as [IdPair];
  const limits = { source: 1_000, target: () => pair.target.length + 1, positions: () => 1 };
  const everyMerge = VariedSegmentation.of({ ...options, probability: 0.9, lengthLimits: limits });
  assert.deepEqual(everyMerge?.vary([pair], 0), [pair]);
});

test('without dropout there is nothing to vary', () => {
  assert.equal(VariedSegmentation.of({ ...options, probability: 0 }), undefined);
});

test('merges are left out of byte-pair encoding of pairs only', async () => {
  const training = { mergeDropout: 0.1 };
  const train = { source: 'a', target: 'b' };
  const refused = (received: RegExp) => (error: unknown) => error instanceof DecadeError && received.test(error.message);
  assert.throws(
    () => configurationOf({ version: 1, data: { train }, tokenizer: { kind: 'word' }, training }),
    refused(/no merges to leave out/),
  );
  assert.throws(
    () => configurationOf({ version: 1, data: { train: { text: ['a'] } }, tokenizer: { kind: 'byte-bpe' }, training }),
    refused(/only for pairs/),
  );
  const words = await trainTokenizer(lines, { kind: 'word', size: 100 });
  assert.throws(() => VariedSegmentation.of({ ...options, tokenizers: { source: words, target: words } }), refused(/kind word/));
});
