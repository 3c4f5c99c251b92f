import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { BatchSize, Bucketing, EpochPlan, PairLengths } from '../../src/data/batches.js';
import { planEpoch } from '../../src/data/batches.js';

const pairs = 1003;
const key = randomKey(7, 'sample');
const lengths: PairLengths = {
  source: Uint16Array.from({ length: pairs }, (_, pair) => 1 + uniformInteger(key, pair, 40)),
  target: Uint16Array.from({ length: pairs }, (_, pair) => 1 + uniformInteger(key + 1, pair, 40)),
};

function batchesOf(plan: EpochPlan): number[][] {
  return Array.from({ length: plan.batches }, (_, batch) => [...plan.sentences(batch)]);
}

function tokensOf(batch: readonly number[]): number {
  return batch.reduce((words, pair) => words + (lengths.target[pair] ?? Number.NaN) + 1, 0);
}

const sizes: BatchSize[] = [{ sentences: 16 }, { tokens: 300 }];
const bucketings: Bucketing[] = ['length', 'corpus', 'none'];

for (const size of sizes) {
  for (const bucketing of bucketings) {
    test(`every pair comes once an epoch: ${JSON.stringify(size)}, bucketing ${bucketing}`, () => {
      const batches = batchesOf(planEpoch(lengths, { size, bucketing }, 1, 0));
      assert.deepEqual(
        batches.flat().sort((a, b) => a - b),
        Array.from({ length: pairs }, (_, pair) => pair),
      );
    });

    test(`the plan depends on seed and epoch only: ${JSON.stringify(size)}, bucketing ${bucketing}`, () => {
      const plan = (seed: number, epoch: number): number[][] => batchesOf(planEpoch(lengths, { size, bucketing }, seed, epoch));
      assert.deepEqual(plan(1, 4), plan(1, 4));
      assert.notDeepEqual(plan(1, 4), plan(1, 5));
      assert.notDeepEqual(plan(1, 4), plan(2, 4));
    });
  }
}

test('a batch by sentences is full, except one', () => {
  const batches = batchesOf(planEpoch(lengths, { size: { sentences: 16 }, bucketing: 'length' }, 1, 0));
  assert.deepEqual(
    batches.map((batch) => batch.length).filter((size) => size !== 16),
    [pairs % 16],
  );
});

test('a batch by words stays within the limit, and no two neighbours in length would fit together', () => {
  const plan = planEpoch(lengths, { size: { tokens: 300 }, bucketing: 'length' }, 1, 0);
  const batches = batchesOf(plan);
  batches.forEach((batch, number) => {
    assert.equal(plan.tokens(number), tokensOf(batch));
    assert.ok(tokensOf(batch) <= 300);
  });
  const almostFull = batches.filter((batch) => tokensOf(batch) > 300 - 41);
  assert.ok(almostFull.length >= batches.length - 1);
});

test('a pair longer than the word limit is a batch of its own', () => {
  const few = { source: [3, 3, 3, 3], target: [4, 90, 4, 4] };
  for (const bucketing of bucketings) {
    const batches = batchesOf(planEpoch(few, { size: { tokens: 20 }, bucketing }, 1, 0));
    assert.ok(batches.some((batch) => batch.length === 1 && batch[0] === 1));
    assert.equal(batches.flat().length, 4);
  }
});

test('bucketing puts similar lengths together, in batches that come in no order of length', () => {
  const spread = (bucketing: Bucketing): number => {
    const batches = batchesOf(planEpoch(lengths, { size: { sentences: 16 }, bucketing }, 1, 0));
    return batches.reduce((sum, batch) => {
      const targets = batch.map((pair) => lengths.target[pair] ?? Number.NaN);
      return sum + Math.max(...targets) - Math.min(...targets);
    }, 0);
  };
  assert.ok(spread('length') * 10 < spread('none'), `${spread('length')} against ${spread('none')}`);
  const plan = planEpoch(lengths, { size: { sentences: 16 }, bucketing: 'length' }, 1, 0);
  const first = batchesOf(plan).map((batch) => lengths.target[batch[0] ?? 0] ?? 0);
  const rises = first.filter((length, batch) => batch > 0 && length > (first[batch - 1] ?? 0)).length;
  assert.ok(rises > first.length / 4 && rises < (3 * first.length) / 4, `${rises} rises in ${first.length}`);
});

test('equal lengths meet in other batches each epoch', () => {
  const partners = (epoch: number): Set<string> => {
    const batches = batchesOf(planEpoch(lengths, { size: { sentences: 16 }, bucketing: 'length' }, 1, epoch));
    return new Set(batches.map((batch) => batch.sort((a, b) => a - b).join(' ')));
  };
  const first = partners(0);
  const repeated = [...partners(1)].filter((batch) => first.has(batch));
  assert.ok(repeated.length <= 1, `${repeated.length} batches came again`);
});

test('an empty corpus has no batch, and a batch beyond the last is an error', () => {
  const plan = planEpoch({ source: [], target: [] }, { size: { tokens: 10 }, bucketing: 'length' }, 1, 0);
  assert.equal(plan.batches, 0);
  assert.throws(() => plan.sentences(0), RangeError);
});
