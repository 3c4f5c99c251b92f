import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecodingMemory } from '../../src/models/model.js';
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

const oneOf = (count: number, length: number) => Array.from({ length: count }, () => ({ source: { length }, prefix: undefined }));

/** Sizes of the batches of many sentences of one length. */
function sizes(memory: Partial<DecodingMemory>, beam: number, length = 10): number[] {
  const sentences = oneOf(256, length);
  const bounds = searchLimits(limits, { perGivenToken: 0, perRow: 0, perStep: 0, ...memory }, sentences, {
    beam,
    maximumLength: undefined,
  });
  const lengths = sentences.map(({ source }) => source.length);
  return batchesByLength(lengths, bounds).map((batch) => batch.length);
}

test('a step of a search has at most 768 rows, but a line is always searched', () => {
  for (const [beam, sentences] of [
    [1, 64],
    [12, 64],
    [100, 7],
    [1_000, 1],
  ] as const)
    assert.equal(sizes({}, beam)[0], sentences);
});

test('what a search holds by what its model says stays within 512 MiB, but a line is always searched', () => {
  const mebibyte = 1024 ** 2;
  assert.equal(sizes({ perRow: 16 * mebibyte }, 1)[0], 32);
  assert.equal(sizes({ perRow: 16 * mebibyte }, 8)[0], 4);
  assert.equal(sizes({ perGivenToken: mebibyte }, 8)[0], 51);
  // A translation may be twice as long as its source, and 10.
  assert.equal(sizes({ perStep: mebibyte }, 1, 11)[0], 16);
  assert.equal(sizes({ perStep: mebibyte }, 1, 3)[0], 32);
  assert.equal(sizes({ perRow: 1024 * mebibyte }, 1)[0], 1);
});
