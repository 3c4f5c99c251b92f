import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differenceOfMeans, geometricMean, mean, ratioOfMeans } from '../../../src/analysis/examination/means.js';

function assertNear(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 5e-4 * Math.max(1, Math.abs(expected)), `${actual} is not near ${expected}`);
}

test("a mean has Student's interval", () => {
  // t(0.975, 2) = 4.30265; the standard error of 1, 2, 3 is 1 / √3.
  const { value, low, high } = mean([1, 2, 3]);
  assertNear(value, 2);
  assertNear(low, 2 - 4.30265 / Math.sqrt(3));
  assertNear(high, 2 + 4.30265 / Math.sqrt(3));
});

test("a difference has Welch's interval", () => {
  // Variances 1 and 4 of 3 and 4: standard error √(1/3 + 1); degrees (4/3)² / (1/18 + 1/3) = 4.57, counted as 4.
  const { value, low, high } = differenceOfMeans([1, 2, 3], [10 - Math.sqrt(6), 10, 10, 10 + Math.sqrt(6)]);
  assertNear(value, 8);
  assertNear((high ?? 0) - (low ?? 0), 2 * 2.776 * Math.sqrt(4 / 3));
});

test('without repetition there is no interval, and alike observations have one of no width', () => {
  assert.deepEqual(mean([7]), { value: 7 });
  assert.deepEqual(differenceOfMeans([1], [2, 3]), { value: 1.5 });
  assert.deepEqual(differenceOfMeans([1, 1], [3, 3]), { value: 2, low: 2, high: 2 });
});

test('a ratio is a difference of logarithms', () => {
  const [first, second] = [
    [2, 4, 8],
    [1, 2, 4],
  ];
  assertNear(geometricMean(first).value, 4);
  const { value, low, high } = ratioOfMeans(first, second);
  assertNear(value, 0.5);
  assertNear((low ?? 0) * (high ?? 0), 0.25);
  // Logarithms have a variance of ln² 2 each: standard error ln 2 √(2/3), 4 degrees of freedom.
  assertNear(high, 0.5 * Math.exp(2.776 * Math.LN2 * Math.sqrt(2 / 3)));
});
