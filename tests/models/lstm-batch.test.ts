import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeOf } from '../../src/data/batch.js';
import { bySentence, packBatch, type PackedSide, packSources } from '../../src/models/lstm/batch.js';
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
  const batch = packBatch(pairs, false);
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
  const batch = packBatch(pairs, false);
  assert.deepEqual([...batch.source.sentences], [1, 0, 3, 2]);
  assert.deepEqual([...batch.source.layout.lengths], [4, 2, 2, 1]);
  assert.deepEqual([...batch.target.sentences], [2, 0, 3, 1]);
  assert.deepEqual([...batch.target.layout.lengths], [4, 2, 2, 1]);
});

test('a target column finds the source column of the same pair', () => {
  const batch = packBatch(pairs, false);
  batch.sourceColumnOfTarget.forEach((sourceColumn, targetColumn) => {
    assert.equal(batch.source.sentences[sourceColumn], batch.target.sentences[targetColumn]);
  });
});

test('words are counted without padding, </s> on the target side only', () => {
  assert.deepEqual(sizeOf(pairs), { sentences: 4, sourceTokens: 2 + 4 + 1 + 2, targetTokens: 2 + 1 + 4 + 2 });
});

test('values by row come back by sentence', () => {
  const { target } = packBatch(pairs, false);
  assert.deepEqual(
    bySentence(target, Float32Array.from(target.outputIds)).map((values) => [...values]),
    pairs.map((pair) => [...pair.target, endId]),
  );
});

test('the source is reversed when asked for, the target never', () => {
  const batch = packBatch(pairs, true);
  assert.deepEqual(
    unpacked(batch.source, batch.source.ids),
    pairs.map((pair) => [...pair.source].reverse()),
  );
  assert.deepEqual(batch.target, packBatch(pairs, false).target);
});

test('source sentences alone are packed as those of pairs', () => {
  const sources = pairs.map(({ source }) => source);
  assert.deepEqual(packSources(sources, true), packBatch(pairs, true).source);
});

test('an empty source sentence is refused by its key', () => {
  assert.throws(() => packBatch([{ source: [], target: [], key: 42 }], false), /sentence 42: an empty source/);
});

test('a batch of no pairs has no rows', () => {
  const batch = packBatch([], false);
  assert.equal(batch.source.layout.rows, 0);
  assert.equal(batch.target.layout.rows, 0);
});

test('pairs with the same key share a source sentence, and every target finds it', () => {
  const [first, second, third] = [[31, 32], [51], [71, 72, 73]];
  const hypotheses = [
    { source: first, target: [1, 2], key: 0 },
    { source: second, target: [3], key: 1 },
    { source: first, target: [4, 5, 6], key: 0 },
    { source: third, target: [], key: 3 },
    { source: first, target: [7], key: 0 },
  ];
  const batch = packBatch(hypotheses, true);
  assert.deepEqual([...batch.source.sentences], [3, 0, 1]);
  assert.deepEqual([...batch.source.ids], [73, 32, 51, 72, 31, 71]);
  batch.sourceColumnOfTarget.forEach((sourceColumn, targetColumn) => {
    const held = hypotheses[batch.source.sentences[sourceColumn] ?? -1];
    assert.deepEqual(held?.source, hypotheses[batch.target.sentences[targetColumn] ?? -1]?.source);
  });
  assert.deepEqual(batch.target, packBatch(hypotheses, false).target);
});
