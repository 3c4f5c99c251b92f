import assert from 'node:assert/strict';
import { test } from 'node:test';
import { predictPaper, Simulator, type Strategy, strategies, type Workload } from '../../../src/analysis/cost/simulation.js';
import { simulationPage } from '../../../src/analysis/cost/timeline.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { whyNotLayered } from '../../../src/models/lstm/separable-layers.js';
import { costsOf2014, paperNetwork } from '../../../src/parallel/simulation/profile-2014.js';
import { evenBatch } from '../../../src/parallel/schedule/schedule.js';
import { networkWith } from '../../parallel/networks.js';

const of2014 = costsOf2014();
const workload = { network: paperNetwork, batch: evenBatch(128, 25, 30), costs: () => of2014, memories: 'separate' } as const;
const simulateStrategy = (of: Workload, strategy: Strategy, devices: number) => new Simulator(of).on(strategy, devices);

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
    const { shares, idleFraction, speedup, efficiency } = simulateStrategy(
      { ...workload, batch: evenBatch(128, 6, 8) },
      strategy,
      6,
    ).result;
    const sum = Object.values(shares).reduce((total, share) => total + share, 0);
    assert.ok(Math.abs(sum - 1) < 1e-9, `${strategy}: ${sum}`);
    for (const [name, share] of Object.entries(shares)) assert.ok(share >= 0, `${strategy}: ${name} ${share}`);
    assert.ok(Math.abs(idleFraction - (1 - shares.useful - shares.overhead)) < (strategy === 'data' ? shares.exchange : 1e-9));
    assert.equal(shares.exchange > 0, strategy === 'data', 'only replicas exchange gradients');
    assert.equal(efficiency, speedup / 6);
    assert.ok(speedup > 1 && speedup <= 6, `${strategy}: ${speedup}`);
  }
});

const whyNoPipeline = (options: object) =>
  whyNotLayered(createModel(modelOptions.parse({ kind: 'lstm', ...options }), { source: 1, target: 1 }));

test('what a pipeline cannot do is refused with the reason', () => {
  for (const [options, where, reason] of [
    [{ bidirectional: true }, /model\.bidirectional/, /whole sentence/],
    [{ attention: 'dot' }, /model\.attention/, /^dot, .*whole source/],
    [{ attention: 'dot', inputFeeding: true }, /model\.inputFeeding/, /start a step/],
    [{ tiedEmbeddings: true }, /model\.tiedEmbeddings/, /every slice/],
  ] as const) {
    const refusal = whyNoPipeline(options);
    assert.match(refusal?.parts.where ?? '', where);
    assert.match(refusal?.parts.received ?? '', reason);
  }
  assert.equal(whyNoPipeline({ layers: 1, residual: true }), undefined);
});

test('data parallelism is simulated for every model and optimizer, with fewer sentences than devices too', () => {
  for (const model of [
    { layers: 1 },
    { residual: true },
    { bidirectional: true },
    { attention: 'dot' },
    { attention: 'additive', tiedEmbeddings: true },
    { attention: 'dot', inputFeeding: true },
  ]) {
    for (const optimizer of [{ kind: 'sgd' }, { kind: 'adam' }, { kind: 'adam', lazy: true }] as const) {
      const network = networkWith({ hidden: 64, ...model }, 200, optimizer);
      const simulator = new Simulator({ ...workload, network, batch: evenBatch(5, 4, 4) });
      for (const devices of [1, 2, 7, 16]) {
        const { result, schedule } = simulator.on('data', devices);
        assert.ok(result.speedup > 0 && result.speedup <= devices, JSON.stringify({ model, optimizer, devices }));
        for (const share of Object.values(result.shares)) assert.ok(share >= 0 && share <= 1 + 1e-9, `${share}`);
        assert.equal(schedule.tasks.filter(({ work }) => work.kind === 'update').length, devices);
      }
    }
  }
});

test('attention, input feeding and both directions cost operations of their own', () => {
  const operations = (model: object) => {
    const { tasks } = new Simulator({ ...workload, network: networkWith({ hidden: 32, ...model }, 100) }).on('data', 1).schedule;
    return tasks.reduce((sum, task) => sum + task.operations, 0);
  };
  const [plain, dot, additive, fed] = [{}, { attention: 'dot' }, { attention: 'additive' }, { attention: 'dot', inputFeeding: true }].map(
    operations,
  );
  assert.ok((plain as number) < (dot as number) && (dot as number) < (additive as number) && (dot as number) < (fed as number));
  assert.ok(operations({ bidirectional: true }) < (plain as number), 'half of the states a direction');
});

test('a timeline is one page without anything from outside, with a bar for every task', async () => {
  const network = networkWith({ layers: 2, hidden: 8 }, 40);
  const handOver = { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false };
  const simulated = simulateStrategy(
    { ...workload, network, batch: evenBatch(4, 3, 3), costs: () => ({ ...of2014, handOver }) },
    '1f1b',
    3,
  );
  const page = await simulationPage('a <title>', { speedup: undefined, paper: undefined, largest: [simulated] });
  assert.match(page, /a &lt;title&gt;/);
  assert.doesNotMatch(page, /<script src|<link|src=|https?:/);
  assert.equal(page.match(/<rect x=/g)?.length, simulated.schedule.tasks.length);
  for (let device = 0; device < 3; device++) assert.match(page, new RegExp(`>device ${device}<title>device ${device}: `));
});
