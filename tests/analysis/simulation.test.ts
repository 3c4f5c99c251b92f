import assert from 'node:assert/strict';
import { test } from 'node:test';
import { predictPaper, simulateStrategy, strategies } from '../../src/analysis/simulation.js';
import { simulationPage } from '../../src/analysis/timeline.js';
import { modelOptions } from '../../src/models/create.js';
import { networkOf } from '../../src/parallel/network.js';
import { costsOf2014, paperNetwork } from '../../src/parallel/profile-2014.js';
import { evenBatch } from '../../src/parallel/schedule.js';

const of2014 = costsOf2014();
const workload = { network: paperNetwork, batch: evenBatch(128, 25, 30), costs: () => of2014, memories: 'separate' } as const;

test('one GPU of 2014 makes the published 1,700 words a second, whatever is assumed', () => {
  const handOver = { latency: 0, bytesPerSecond: 1e9, blocking: true };
  for (const costs of [of2014, costsOf2014({ softmaxSpeed: 3, halfSpeedRows: 100, handOver })]) {
    const { result } = simulateStrategy({ ...workload, costs: () => costs }, 'data', 1);
    assert.ok(Math.abs(result.wordsPerSecond - 1_700) < 1e-6);
    assert.equal(result.speedup, 1);
  }
});

test('for the paper’s eight GPUs, counting operations alone gives about 5 times, and the published 3.7 lies in the range', () => {
  const { prediction } = predictPaper();
  const { predicted, range, published, busy, dataParallel, dataParallelLargerBatch, unexplained } = prediction;
  assert.ok(predicted.speedup > 4.5 && predicted.speedup < 5.5, `${predicted.speedup}`);
  assert.ok(range.lowest <= published.speedup && published.speedup <= range.highest);
  assert.ok(Math.abs(unexplained - (predicted.speedup / published.speedup - 1)) < 1e-12);
  // The slices of the softmax are the longest work, and everyone waits for it.
  assert.ok(busy.softmax > busy.layers && busy.softmax < 1);
  assert.ok(dataParallelLargerBatch.speedup > dataParallel.speedup && dataParallelLargerBatch.speedup < 8);
});

test('shares of the time sum to all of it, and idle is what is not computed', () => {
  for (const strategy of strategies) {
    const { shares, idleFraction, speedup, efficiency } = simulateStrategy(workload, strategy, 6).result;
    const sum = shares.useful + shares.overhead + shares.fill + shares.waiting;
    assert.ok(Math.abs(sum - 1) < 1e-9, `${strategy}: ${sum}`);
    assert.ok(Math.abs(idleFraction - shares.fill - shares.waiting) < 1e-9);
    assert.equal(efficiency, speedup / 6);
    assert.ok(speedup > 1 && speedup <= 6, `${strategy}: ${speedup}`);
  }
});

test('what a pipeline cannot do is refused with the reason', () => {
  for (const [options, reason] of [
    [{ bidirectional: true }, /model\.bidirectional: .*whole sentence/],
    [{ attention: 'dot' }, /model\.attention: dot, .*set model\.attention=none/],
    [{ attention: 'dot', inputFeeding: true }, /model\.inputFeeding: .*begin a step/],
  ] as const) {
    assert.throws(() => networkOf(modelOptions.parse({ kind: 'lstm', ...options }), 100), reason);
  }
});

test('a timeline is one page without anything from outside, with a bar for every task', async () => {
  const network = { layers: 2, hidden: 8, embedding: 8, targetVocabulary: 40 };
  const simulated = simulateStrategy({ ...workload, network, batch: evenBatch(4, 3, 3) }, '1f1b', 3);
  const page = await simulationPage('a <title>', { speedup: undefined, timelines: [simulated] });
  assert.match(page, /a &lt;title&gt;/);
  assert.doesNotMatch(page, /<script src|<link|src=|https?:/);
  assert.equal(page.match(/<rect x=/g)?.length, simulated.schedule.tasks.length);
  for (let device = 0; device < 3; device++) assert.match(page, new RegExp(`>device ${device}<title>device ${device}: `));
});
