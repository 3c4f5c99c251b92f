import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesByLength, searchLimits, sharedBatches } from '../../src/decoding/batches.js';

const limits = { sentences: 64, tokens: 4_096 };

test('batches hold what is of like length, the longest first, within the limits', () => {
  assert.deepEqual(batchesByLength([3, 9, 3, 1, 4], { sentences: 2, tokens: 100 }), [[1, 4], [0, 2], [3]]);
  assert.deepEqual(batchesByLength([3, 9, 3, 1, 4], { sentences: 9, tokens: 8 }), [[1], [4, 0], [2, 3]]);
});

test('devices get as many batches each, of as many tokens, but none so small that it gains nothing', () => {
  const lengths = (count: number) => Array.from({ length: count }, (_, index) => 3 + ((index * 7) % 20));
  for (const [count, devices, beam, wanted] of [
    [200, 2, 1, 2],
    [80, 2, 1, 2],
    [80, 2, 12, 2],
    [8, 4, 1, 1],
    [8, 4, 12, 3],
    [8, 1, 12, 1],
    [1, 4, 1, 1],
  ] as const) {
    const all = lengths(count);
    const batches = sharedBatches(all, { sentences: 256, tokens: 4_096 }, devices, beam);
    assert.equal(batches.length, wanted, `${count} lines, ${devices} devices, beam ${beam}`);
    assert.deepEqual(
      batches.flat().sort((a, b) => a - b),
      [...all.keys()],
    );
    const tokens = batches.map((batch) => batch.reduce((sum, position) => sum + (all[position] ?? 0), 0));
    assert.ok(Math.max(...tokens) - Math.min(...tokens) <= 2 * Math.max(...all), `${tokens} tokens`);
  }
  const many = sharedBatches(lengths(1_000), limits, 3);
  assert.ok(many.every((batch) => batch.length <= 64));
  assert.equal(many.flat().length, 1_000);
});

test("the logits of a search's step stay within 64 MiB and 768 rows, but a line is always searched", () => {
  for (const [beam, vocabulary, sentences] of [
    [1, 8_000, 64],
    [12, 8_000, 64],
    [5, 8_000, 64],
    [100, 8_000, 7],
    [1_000, 8_000, 1],
    [12, 80_000, 17],
    [1_000, 80_000, 1],
  ] as const) {
    assert.equal(searchLimits(limits, beam, vocabulary).sentences, sentences);
    assert.ok(sentences === 1 || sentences * beam * vocabulary * 4 <= 64 * 1024 ** 2);
  }
});
