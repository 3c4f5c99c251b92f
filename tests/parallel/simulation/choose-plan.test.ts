import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanChooser, type PlannedWork, type PlanWishes, writtenPlacement } from '../../../src/parallel/simulation/choose-plan.js';
import { describePlan, pipelinePlan } from '../../../src/parallel/schedule/plan.js';
import { evenBatch } from '../../../src/parallel/schedule/schedule.js';
import { networkWith } from '../networks.js';

const network = networkWith({ layers: 4, hidden: 8 }, 100);
const costs = {
  seconds: ({ operations }: { operations: number }) => 1e-6 * operations,
  handOver: { latency: 1e-6, bytesPerSecond: 1e9, blocking: false },
};
const work = { network, batch: evenBatch(8, 5, 5), costs: () => costs };
const choosePlan = (of: PlannedWork, devices: number, wishes: PlanWishes) => new PlanChooser(of, wishes).on(devices);

test('a placement by hand divides the vocabulary by shares', () => {
  assert.deepEqual(writtenPlacement({ layers: [0, 0, 1, 1], vocabulary: [0, 1, 3] }, network, 3), {
    devices: 3,
    layers: [0, 0, 1, 1],
    vocabulary: [
      { device: 1, from: 0, to: 25 },
      { device: 2, from: 25, to: 100 },
    ],
  });
});

test('a placement that does not fit says which key, what came, what is allowed and what would do', () => {
  for (const [written, message] of [
    [
      { layers: [0, 1], vocabulary: [1, 1] },
      /placement\.layers: \[0, 1\], 2 devices; expected the device of each of the 4 layers.*\[0, 0, 1, 1\]/,
    ],
    [{ layers: [0, 1, 2, 2], vocabulary: [1, 1] }, /placement\.layers: device 2; expected devices from 0 to 1.*--devices 3/],
    [{ layers: [0, 0, 0, 0], vocabulary: [1] }, /placement\.vocabulary: \[1\]; expected a share, .* each of the 2 devices.*\[0, 1\]/],
    [{ layers: [0, 0, 1, 1], vocabulary: [0, 0] }, /placement\.vocabulary: \[0, 0\]; .*Use 1 for each/],
    [{ layers: [0, 0, 0, 0], vocabulary: [1, 0] }, /placement\.vocabulary: nothing for device 1/],
  ] as const) {
    assert.throws(() => writtenPlacement(written, network, 2), message);
  }
});

test('what is wished for is kept, the rest is the fastest of what was simulated', () => {
  const placement = writtenPlacement({ layers: [0, 0, 0, 1], vocabulary: [0, 1] }, network, 2);
  const wished = choosePlan(work, 2, { order: 'gpipe', placement, microBatches: 2 });
  assert.deepEqual([wished.plan.placement, wished.plan.microBatches, wished.plan.stretch], [placement, 2, undefined]);
  const free = choosePlan(work, 2, { order: 'gpipe' });
  assert.equal(
    choosePlan({ ...work, costs: () => ({ ...costs, planning: 1 }) }, 2, { order: 'gpipe' }).plan.microBatches,
    1,
    'tasks that cost time',
  );
  assert.ok(free.simulation.seconds < wished.simulation.seconds);
  for (const stretch of [1, 2, 4]) {
    assert.ok(
      choosePlan(work, 2, { order: 'diagonal' }).simulation.seconds <=
        choosePlan(work, 2, { order: 'diagonal', stretch }).simulation.seconds,
    );
  }
});

test('where the logits would need more memory than they may, the softmax is done as it comes', () => {
  assert.equal(choosePlan(work, 2, { order: 'diagonal' }).plan.softmax, 'as needed');
  assert.equal(choosePlan(work, 2, { order: 'diagonal', logitBytes: 8 * 5 * 100 * 4 - 1 }).plan.softmax, 'as they come');
});

test('a plan is printed for people and survives JSON', () => {
  const placement = writtenPlacement({ layers: [0, 0, 1, 1], vocabulary: [0, 0, 1] }, network, 3);
  const { plan } = choosePlan(work, 3, { order: 'diagonal', placement, stretch: 2 });
  assert.deepEqual(pipelinePlan.parse(JSON.parse(JSON.stringify(plan))), plan);
  const lines = describePlan(plan, network);
  assert.deepEqual(
    lines.map((line) => line.replace(/\(.*/, '').trim()),
    ['pipeline: whole batches, 2 steps at a time', 'device 0: layers 1 to 2', 'device 1: layers 3 to 4', 'device 2: vocabulary 0 to 99'],
  );
  const shares = lines.slice(1).map((line) => Number(/\((\d+) %/.exec(line)?.[1]));
  assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 100) <= 2, lines.join('\n'));
});

test('a plan never uses more devices than help, and more devices never make it slower', () => {
  const small = { network: networkWith({ layers: 2, hidden: 8 }, 60), batch: evenBatch(4, 3, 3) };
  const withLatency = (latency: number) => ({ ...costs, handOver: { latency, bytesPerSecond: 1e9, blocking: false } });
  for (const latency of [1e-6, 2e-3, 1]) {
    for (const order of ['diagonal', '1f1b'] as const) {
      const of = { ...small, costs: () => withLatency(latency) };
      const chooser = new PlanChooser(of, { order });
      let before = Number.POSITIVE_INFINITY;
      for (const devices of [1, 2, 3, 7]) {
        const { plan, simulation } = chooser.on(devices);
        const { devices: used } = plan.placement;
        assert.ok(used <= (latency === 1 ? 1 : devices), `${order}: ${used} of ${devices}`);
        assert.equal(plan.offered, used === devices ? undefined : devices);
        assert.equal(simulation.spans.length, used);
        assert.ok(simulation.seconds <= before, `${order}: ${devices} devices are slower than fewer`);
        before = simulation.seconds;
        const fewer = used > 1 ? chooser.on(used - 1).simulation.seconds : Number.POSITIVE_INFINITY;
        assert.ok(fewer > simulation.seconds, `${order}: ${used} devices are no faster than ${used - 1}`);
      }
    }
  }
});

test('a placement for which devices have no room is not chosen, however fast', () => {
  const { plan } = choosePlan(work, 4, { order: 'diagonal', stretch: 1 });
  const isChosen = (placement: object) => JSON.stringify(placement) === JSON.stringify(plan.placement);
  const { plan: other } = choosePlan(work, 4, { order: 'diagonal', stretch: 1, fits: (placement) => !isChosen(placement) });
  assert.ok(!isChosen(other.placement));
});
