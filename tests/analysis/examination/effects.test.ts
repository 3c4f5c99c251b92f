import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sentenceInterval } from '../../../src/analysis/examination/effects.js';
import { differenceOfEstimates, meanDifference, within } from '../../../src/analysis/examination/means.js';

test('a ratio of sums has an interval that holds it, and none of width where sentences are alike', async () => {
  const ratio = ([first = 0, second = 0]: Float64Array) => first / second;
  const varied = Array.from({ length: 50 }, (_, index) => Float64Array.of(1 + (index % 5), 4));
  const { value, low = 0, high = 0 } = await sentenceInterval(varied, ratio, { resamples: 400 });
  assert.equal(value, 0.75);
  // The standard error of a mean of 50 draws from 1 to 5 is √2 / √50 = 0.2, of its quarter 0.05; 95 % is twice as far on each side.
  assert.ok(low > 0.6 && low < 0.68 && high > 0.82 && high < 0.9, `${low} to ${high}`);
  const alike = await sentenceInterval([Float64Array.of(1, 2), Float64Array.of(1, 2)], ratio, { resamples: 40 });
  assert.deepEqual(alike, { value: 0.5, low: 0.5, high: 0.5 });
});

test('a difference of two independent figures is as uncertain as both together', () => {
  const difference = differenceOfEstimates({ value: 10, low: 7, high: 14 }, { value: 20, low: 16, high: 23 });
  assert.deepEqual(difference, { value: 10, low: 10 - Math.hypot(4, 4), high: 10 + Math.hypot(3, 3) });
  assert.deepEqual(differenceOfEstimates({ value: 1 }, { value: 3, low: 2, high: 4 }), { value: 2 });
});

test('the interval of a score ends where scores end, and pairs are compared pair by pair', () => {
  assert.deepEqual(within({ value: 99, low: 95, high: 103 }, 0, 100), { value: 99, low: 95, high: 100 });
  assert.deepEqual(within({ value: 99 }, 0, 100), { value: 99 });
  assert.deepEqual(meanDifference([10, 20, 30], [12, 22, 32]), { value: 2, low: 2, high: 2 });
});
