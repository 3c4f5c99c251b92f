import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FeaturedHypothesis, scoreWith, searchWeights } from '../../src/analysis/rescoring/several-weights.js';
import { randomKey, uniform } from '../../src/core/random.js';
import type { Metric } from '../../src/metrics/metric.js';

/** The mean quality of what was chosen. */
const metric = {
  name: 'mean',
  label: 'mean',
  higherIsBetter: true,
  signature: () => '',
  statistics: () => new Float64Array(2),
  score: ([sum = 0, count = 1]) => ({ score: sum / count, details: {} }),
} as unknown as Metric;

const key = randomKey(3, 'sample');
const features = 3;
/** Quality is the second feature less half the third, and noise; the first says nothing. */
const sentences: FeaturedHypothesis[][] = Array.from({ length: 40 }, (_, sentence) =>
  Array.from({ length: 8 }, (__, hypothesis) => {
    const at = (feature: number) => uniform(key, (sentence * 8 + hypothesis) * 4 + feature);
    const quality = at(1) - 0.5 * at(2) + 0.2 * at(3);
    return { features: Array.from({ length: features }, (___, feature) => at(feature)), statistics: Float64Array.of(quality, 1) };
  }),
);

test('weights are found that no grid of weights beats by much, and that beat those that were given', async () => {
  const found = await searchWeights(metric, sentences, [1, 1, 1]);
  assert.ok(Math.abs(found.score - scoreWith(metric, sentences, found.weights)) < 1e-9, 'the score is that of the weights');
  const grid = [-1, -0.6, -0.2, 0.2, 0.6, 1];
  let best = -Infinity;
  for (const a of grid) for (const b of grid) for (const c of grid) best = Math.max(best, scoreWith(metric, sentences, [a, b, c]));
  assert.ok(found.score >= best - 1e-9, `${found.score} is less than ${best}`);
  assert.ok(found.score > scoreWith(metric, sentences, [1, 1, 1]) + 0.1);
  assert.ok(Math.abs(found.weights.reduce((sum, weight) => sum + Math.abs(weight), 0) - 1) < 1e-12);
});

test('what a feature rules out is not chosen, unless it rules out everything', async () => {
  const of = (value: number, quality: number) => ({ features: [value], statistics: Float64Array.of(quality, 1) });
  const found = await searchWeights(metric, [[of(-Infinity, 9), of(1, 2), of(0, 1)], [of(-Infinity, 5)], []], [1]);
  assert.equal(found.score, 3.5);
});

test('a long search ends with the signal', async () => {
  const many = Array.from({ length: 200 }, () => sentences).flat();
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), 0);
  await assert.rejects(searchWeights(metric, many, [1, 1, 1], { signal: controller.signal }), /enough/);
});
