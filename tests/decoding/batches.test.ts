import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesByLength, dividedLimits, searchLimits } from '../../src/decoding/batches.js';

const limits = { sentences: 64, tokens: 4_096 };

test('batches hold what is of like length, the longest first, within the limits', () => {
  assert.deepEqual(batchesByLength([3, 9, 3, 1, 4], { sentences: 2, tokens: 100 }), [[1, 4], [0, 2], [3]]);
  assert.deepEqual(batchesByLength([3, 9, 3, 1, 4], { sentences: 9, tokens: 8 }), [[1], [4, 0], [2, 3]]);
});

test('every device has a part of few lines, but no part so small that it gains nothing', () => {
  assert.equal(dividedLimits(limits, 1_000, 2).sentences, 64);
  assert.equal(dividedLimits(limits, 80, 2).sentences, 40);
  assert.equal(dividedLimits(limits, 8, 4).sentences, 32);
  assert.equal(dividedLimits(limits, 8, 4, 12).sentences, 3);
  assert.equal(dividedLimits(limits, 8, 1, 12).sentences, 8);
});

test("the logits of a search's step stay within 64 MiB, but a line is always searched", () => {
  for (const [beam, vocabulary, sentences] of [
    [1, 8_000, 64],
    [12, 8_000, 64],
    [1_000, 8_000, 2],
    [12, 80_000, 17],
    [1_000, 80_000, 1],
  ] as const) {
    assert.equal(searchLimits(limits, beam, vocabulary).sentences, sentences);
    assert.ok(sentences === 1 || sentences * beam * vocabulary * 4 <= 64 * 1024 ** 2);
  }
});
