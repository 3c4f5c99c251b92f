import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackedSide } from '../../src/data/batch.js';
import { makeBatch, makeScoringBatch, makeSourceBatch } from '../../src/data/batch.js';
import { beginId, endId } from '../../src/text/tokenizer.js';

const pairs = [
  { source: [11, 12], target: [21], key: 700 },
  { source: [31, 32, 33, 34], target: [], key: 5 },
  { source: [51], target: [61, 62, 63], key: 9 },
  { source: [71, 72], target: [81], key: 4_000_000_000 },
];

/** Unpacks one side into a list of ids for each pair of the batch. */
function unpacked(side: PackedSide, ids: Int32Array): number[][] {
  const sentences: number[][] = Array.from({ length: side.layout.sentences }, () => []);
  side.sentences.forEach((sentence, column) => {
    for (let step = 0; step < (side.layout.lengths[column] ?? 0); step++) {
      sentences[sentence]?.push(ids[(side.layout.offsets[step] ?? 0) + column] ?? -1);
    }
  });
  return sentences;
}

test('every pair can be read back from the packed batch', () => {
  const batch = makeBatch(pairs);
  assert.deepEqual(
    unpacked(batch.source, batch.source.ids),
    pairs.map((pair) => pair.source),
  );
  assert.deepEqual(
    unpacked(batch.target, batch.target.inputIds),
    pairs.map((pair) => [beginId, ...pair.target]),
  );
  assert.deepEqual(
    unpacked(batch.target, batch.target.outputIds),
    pairs.map((pair) => [...pair.target, endId]),
  );
  assert.deepEqual([...batch.sentenceKeys], [700, 5, 9, 4_000_000_000]);
});

test('each side is sorted by its own length, ties by sentence', () => {
  const batch = makeBatch(pairs);
  assert.deepEqual([...batch.source.sentences], [1, 0, 3, 2]);
  assert.deepEqual([...batch.source.layout.lengths], [4, 2, 2, 1]);
  assert.deepEqual([...batch.target.sentences], [2, 0, 3, 1]);
  assert.deepEqual([...batch.target.layout.lengths], [4, 2, 2, 1]);
});

test('a target column finds the source column of the same pair', () => {
  const batch = makeBatch(pairs);
  batch.sourceColumnOfTarget.forEach((sourceColumn, targetColumn) => {
    assert.equal(batch.source.sentences[sourceColumn], batch.target.sentences[targetColumn]);
  });
});

test('words are counted without padding, </s> on the target side only', () => {
  const batch = makeBatch(pairs);
  assert.equal(batch.sourceTokens, 2 + 4 + 1 + 2);
  assert.equal(batch.targetTokens, 2 + 1 + 4 + 2);
});

test('the source is reversed when asked for, the target never', () => {
  const batch = makeBatch(pairs, { reverseSource: true });
  assert.deepEqual(
    unpacked(batch.source, batch.source.ids),
    pairs.map((pair) => [...pair.source].reverse()),
  );
  assert.deepEqual(batch.target, makeBatch(pairs).target);
});

test('a source batch equals the source side of a batch', () => {
  const { source, sentenceKeys } = makeBatch(pairs, { reverseSource: true });
  const alone = makeSourceBatch(pairs, { reverseSource: true });
  assert.deepEqual(alone.source, source);
  assert.deepEqual(alone.sentenceKeys, sentenceKeys);
});

test('an empty source sentence is refused by its key', () => {
  assert.throws(() => makeSourceBatch([{ source: [], key: 42 }]), /sentence 42: an empty source/);
});

test('a batch of no pairs has no rows', () => {
  const batch = makeBatch([]);
  assert.equal(batch.sentences, 0);
  assert.equal(batch.source.layout.rows, 0);
  assert.equal(batch.target.layout.rows, 0);
});

test('a batch for scoring holds a source sentence once, and every target finds it', () => {
  const [first, second, third] = [[31, 32], [51], [71, 72, 73]];
  const hypotheses = [
    { source: first, target: [1, 2], key: 0 },
    { source: second, target: [3], key: 1 },
    { source: [...first], target: [4, 5, 6], key: 2 },
    { source: third, target: [], key: 3 },
    { source: first, target: [7], key: 4 },
  ];
  const batch = makeScoringBatch(hypotheses, { reverseSource: true });
  assert.equal(batch.sentences, 5);
  assert.equal(batch.sourceTokens, 3 + 2 + 1);
  assert.deepEqual([...batch.source.sentences], [3, 0, 1]);
  assert.deepEqual([...batch.source.ids], [73, 32, 51, 72, 31, 71]);
  batch.sourceColumnOfTarget.forEach((sourceColumn, targetColumn) => {
    const held = hypotheses[batch.source.sentences[sourceColumn] ?? -1];
    assert.deepEqual(held?.source, hypotheses[batch.target.sentences[targetColumn] ?? -1]?.source);
  });
  assert.deepEqual(batch.target, makeBatch(hypotheses).target);
});
