import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scoreBins } from '../../../src/analysis/examination/bins.js';
import { scoreSentences } from '../../../src/analysis/examination/scored-sentences.js';
import { metrics } from '../../../src/metrics/evaluate.js';

test('a part of fewer than 20 sentences has a score and no interval', async () => {
  const references = Array.from({ length: 60 }, (_, index) => `a sentence of some words, number ${index}`);
  const hypotheses = references.map((reference, index) => (index % 3 === 0 ? reference.replace('some', 'many') : reference));
  const scored = await scoreSentences(metrics.bleu(), hypotheses, [references]);
  const bin = (sentences: number) => ({ least: 1, greatest: 2, sentences: Array.from({ length: sentences }, (_, index) => index) });
  const [small, large] = await scoreBins(scored, [bin(19), bin(20)], { resamples: 50 });
  assert.ok(small !== undefined && large !== undefined);
  assert.ok(small.score > 0 && small.low === undefined && small.high === undefined);
  assert.ok((large.low ?? 0) < large.score && large.score < (large.high ?? 0));
});
