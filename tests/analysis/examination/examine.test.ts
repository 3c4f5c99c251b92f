import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scoreBins } from '../../../src/analysis/examination/bins.js';
import { binsByLength } from '../../../src/analysis/examination/by-length.js';
import { compareSystems } from '../../../src/analysis/examination/compare.js';
import { compareBins } from '../../../src/analysis/examination/compared-bins.js';
import { requireTestSet, scoreInterval, scoreSentences } from '../../../src/analysis/examination/scored-sentences.js';
import { readTrainingRecord, thinned } from '../../../src/analysis/examination/training-record.js';
import { comparePage } from '../../../src/analysis/report/compare-page.js';
import { memoryFiles } from '../../../src/core/memory-files.js';
import { evaluate, metrics } from '../../../src/metrics/evaluate.js';

const hostile = '<img src=x onerror=alert(1)>';
const references = Array.from({ length: 60 }, (_, index) => `a sentence of ${'many '.repeat(index % 7)}words, number ${index}`);
const hypotheses = references.map((reference, index) => (index % 3 === 0 ? reference.replace('sentence', 'phrase') : reference));
const testSet = { name: 'test.en', sources: references, references: [references] };

test('the score of an interval is that of evaluate, and lies inside it', async () => {
  const scored = await scoreSentences(metrics.bleu(), hypotheses, [references]);
  const { score, low, high } = await scoreInterval(scored, { resamples: 200 });
  assert.equal(score, evaluate(metrics.bleu(), hypotheses, [references]).score);
  assert.ok(low < score && score < high, `${low}, ${score}, ${high}`);
});

test('a bin is scored as a test set of its own', async () => {
  const scored = await scoreSentences(metrics.bleu(), hypotheses, [references]);
  const bins = binsByLength(references);
  const chosen = bins[1]?.sentences ?? [];
  const of = (lines: readonly string[]) => chosen.map((sentence) => lines[sentence] as string);
  const [, second] = await scoreBins(scored, bins, { resamples: 20 });
  assert.equal(second?.score, evaluate(metrics.bleu(), of(hypotheses), [of(references)]).score);
  assert.equal(second?.sentences, chosen.length);
});

test('a better system is told from an equal one, and the page shows where', async () => {
  const systems = [
    { name: `first ${hostile}`, hypotheses },
    { name: 'better', hypotheses: references },
    { name: 'same', hypotheses },
  ];
  const comparison = await compareSystems(testSet, systems);
  const [first, better, same] = comparison.metrics[0]?.systems ?? [];
  assert.equal(first?.difference, undefined);
  const { score, low, high, probability } = better?.difference ?? { score: 0, low: 0, high: 0, probability: 1 };
  assert.ok(probability < 0.05 && low > 1 && low < score && score < high, JSON.stringify(better));
  assert.deepEqual(same?.difference, { score: 0, low: 0, high: 0, probability: 1 });
  const bins = await compareBins(metrics.bleu(), testSet, systems, undefined);
  const page = await comparePage(comparison, { bins, runs: [] });
  assert.ok(!page.includes(hostile) && page.includes('&lt;img'));
  assert.match(page, /20 translations are better and 0 are worse;\n40 of 60 are identical/);
});

test('what cannot be compared is refused with the reason', async () => {
  const system = { name: 'one', hypotheses };
  await assert.rejects(compareSystems(testSet, [system]), /1 system; expected at least two/);
  await assert.rejects(compareSystems(testSet, [system, system]), /one twice/);
  await assert.rejects(compareSystems(testSet, [system, { name: 'short', hypotheses: ['x'] }]), /short: 1 translations; expected 60/);
  await assert.rejects(compareSystems(testSet, [system, { ...system, name: 'two' }], { metrics: ['blue'] }), /did you mean bleu/i);
  assert.throws(() => requireTestSet({ name: 'empty', sources: [], references: [[]] }), /empty: 0 sentences/);
});

test('resampling can be interrupted and tells how far it is', async () => {
  const scored = await scoreSentences(metrics.bleu(), hypotheses, [references]);
  await assert.rejects(scoreInterval(scored, { resamples: 1e9, signal: AbortSignal.timeout(80) }), /timeout|aborted/i);
  const fractions: number[] = [];
  await scoreInterval(scored, { resamples: 4_000, onProgress: ({ fraction = 0 }) => fractions.push(fraction) });
  assert.ok(fractions.every((fraction, index) => fraction >= (fractions[index - 1] ?? 0) && fraction <= 1));
});

test('a record that is being written, or is damaged, is read as far as it goes', async () => {
  assert.deepEqual(await readTrainingRecord(memoryFiles(), 'metrics.jsonl'), { reports: [], validations: [] });
  const text = '{"kind":"report","steps":1,"loss":2}\n{"kind":"validation","steps":1,"perplexity":9}\nnonsense\n{"kind":"rep';
  const files = memoryFiles({ 'metrics.jsonl': text });
  const { reports, validations } = await readTrainingRecord(files, 'metrics.jsonl');
  assert.deepEqual([reports.length, reports[0]?.loss, validations[0]?.perplexity], [1, 2, 9]);
});

test('a long curve is thinned to what a plot can show', () => {
  const points = Array.from({ length: 10_007 }, (_, x) => ({ x, value: x }));
  const thin = thinned(points);
  assert.ok(thin.length <= 300);
  assert.equal(thin.at(-1)?.x, 10_006);
  assert.deepEqual(thinned(points.slice(0, 5)), points.slice(0, 5));
});
