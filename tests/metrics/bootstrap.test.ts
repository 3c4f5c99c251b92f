import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confidenceInterval, pairedBootstrapProbability, resampler } from '../../src/metrics/bootstrap.js';
import { exactMatch } from '../../src/metrics/exact-match.js';

const metric = exactMatch();
/** Sentences of which every `period`-th is right. */
const right = (sentences: number, period: number) =>
  Array.from({ length: sentences }, (_, sentence) => Float64Array.of(sentence % period === 0 ? 1 : 0, 1));
const drawn = (systems: Float64Array[][], seed: number, resamples = 1_000) => {
  const draw = resampler(metric, systems, seed);
  return Array.from({ length: resamples }, (_, resample) => draw(resample));
};

test('a draw depends on its seed and its number alone', () => {
  const systems = [right(50, 3)];
  assert.deepEqual(drawn(systems, 1, 20), drawn(systems, 1, 20));
  assert.notDeepEqual(drawn(systems, 1, 20), drawn(systems, 2, 20));
  assert.deepEqual(resampler(metric, systems, 1)(7), drawn(systems, 1, 20)[7]);
});

test('systems are scored on the same draws', () => {
  const one = right(60, 4);
  for (const [first, second] of drawn([one, one], 5, 50)) assert.equal(first, second);
});

test('the interval of a share of right sentences is the binomial one', () => {
  const sentences = 1_000;
  const scores = drawn([right(sentences, 4)], 3).map(([score]) => score as number);
  const { low, high } = confidenceInterval(scores);
  const halfWidth = 1.96 * 100 * Math.sqrt((0.25 * 0.75) / sentences);
  assert.ok(Math.abs((low + high) / 2 - 25) < 0.3 * halfWidth, `${low} to ${high}`);
  assert.ok(Math.abs((high - low) / 2 - halfWidth) < 0.15 * halfWidth, `${low} to ${high}`);
});

test('the interval leaves out a fortieth of the scores on either side', () => {
  const { low, high } = confidenceInterval(Array.from({ length: 80 }, (_, index) => (37 * index) % 80));
  assert.deepEqual([low, high], [2, 77]);
});

test('the paired probability counts the shifted differences that exceed the real one', () => {
  // |δ*| = 1, 0, 2; less their mean, 0, -1, 1: one exceeds 0.4, so (1 + 1) / (3 + 1).
  assert.equal(pairedBootstrapProbability([1, 2, 3], [2, 2, 5], 0.4), 0.5);
  assert.equal(pairedBootstrapProbability([1, 2, 3], [2, 2, 5], -0.4), 0.5);
  assert.equal(pairedBootstrapProbability([1, 2, 3], [2, 2, 5], 7), 0.25);
});

test('a system does not differ from itself', () => {
  assert.equal(pairedBootstrapProbability([1, 2], [1, 2], 0), 1);
});

test('a clear difference is found and a chance one is not', () => {
  const [all, even] = [right(400, 1), right(400, 2)];
  // Right where the other is wrong, and once more: 0.25 better.
  const odd = even.map((_, sentence) => Float64Array.of(sentence % 2 === 1 || sentence === 0 ? 1 : 0, 1));
  const probability = (first: Float64Array[], second: Float64Array[], difference: number) => {
    const scores = drawn([first, second], 11);
    return pairedBootstrapProbability(
      scores.map(([score]) => score as number),
      scores.map(([, score]) => score as number),
      difference,
    );
  };
  assert.ok(probability(all, even, -50) < 0.01);
  assert.ok(probability(even, odd, 0.25) > 0.2);
});
