import assert from 'node:assert/strict';
import { test } from 'node:test';
import { balancedPlacement, candidatePlacements, evenPlacement } from '../../../src/parallel/schedule/placement.js';
import { dataParallel } from '../../../src/parallel/schedule/data-parallel.js';
import { pipeline } from '../../../src/parallel/schedule/pipeline.js';
import { type BatchShape, divideShape, type Order, type Schedule, type Task } from '../../../src/parallel/schedule/schedule.js';
import { type Costs, simulate } from '../../../src/parallel/simulation/simulate.js';
import { networkWith } from '../networks.js';

const network = networkWith({ layers: 3, hidden: 8 }, 120);
/** Sentences of different lengths. */
const batch: BatchShape = { source: [6, 6, 5, 3, 1], target: [6, 6, 6, 4, 2, 2] };
const free = { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false };
/** Every pass of a stage takes a second, all else no time. */
const unit: Costs = { seconds: ({ work }) => ('stage' in work ? 1 : 0), handOver: free };

const schedules: { [name: string]: Schedule } = {
  'data parallel': dataParallel(network, divideShape(batch, 4), { memories: 'separate' }),
  ...Object.fromEntries(
    (['diagonal', 'gpipe', '1f1b'] satisfies Order[]).flatMap((order) =>
      (['at once', 'deferred'] as const).map((weightGradients) => [
        `${order}, weight gradients ${weightGradients}`,
        pipeline(network, {
          placement: evenPlacement(network, 5, 3),
          microBatches: divideShape(batch, order === 'diagonal' ? 1 : 3),
          stretch: 2,
          order,
          weightGradients,
          softmax: order === '1f1b' ? 'as they come' : 'as needed',
        }),
      ]),
    ),
  ),
};

for (const [name, schedule] of Object.entries(schedules)) {
  test(`every task is done once, on its device, after what it needs: ${name}`, () => {
    const { tasks, orders } = schedule;
    assert.deepEqual(
      orders
        .flat()
        .map(({ id }) => id)
        .sort((a, b) => a - b),
      Array.from(tasks.keys()),
    );
    for (const [device, order] of orders.entries()) assert.ok(order.every((task) => task.device === device));
    for (const { id, needs } of tasks) assert.ok(needs.every(({ task }) => task < id));
    const ends = new Map<number, number>();
    const { spans } = simulate(schedule, unit);
    for (const span of spans.flat()) ends.set(span.task.id, span.end);
    for (const { task, start } of spans.flat()) {
      for (const need of task.needs) assert.ok((ends.get(need.task) as number) <= start, `task ${task.id} began before ${need.task} ended`);
    }
  });

  test(`no operation is lost or done twice: ${name}`, () => {
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const { layers, hidden, targetVocabulary } = network;
    const layerWeights = layers * 4 * hidden * 2 * hidden;
    const multiplications = sum(batch.source) * layerWeights + sum(batch.target) * (layerWeights + targetVocabulary * hidden);
    // Once forward and once for each of two gradients, a multiplication and an addition each.
    assert.equal(sum(schedule.tasks.map(({ operations }) => operations)), 6 * multiplications);
  });
}

test('layers work on a diagonal: each begins a stretch as soon as the one below has ended it', () => {
  const even = { source: [4, 4, 4, 4, 4], target: [4, 4] };
  const placement = evenPlacement(network, 4, 3);
  const cut = { stretch: 1, weightGradients: 'at once', softmax: 'as needed' } as const;
  const schedule = pipeline(network, { placement, microBatches: [even], order: 'diagonal', ...cut });
  for (const { task, start } of simulate(schedule, unit).spans.flat()) {
    const { work } = task;
    if (!('stage' in work) || work.kind !== 'forward' || !('layer' in work.stage)) continue;
    const before = work.stage.part === 'encoder' ? 0 : even.source.length;
    assert.equal(start, before + work.stage.layer + work.steps.from);
  }
});

test('a layer has one device for encoder and decoder, whose state is not handed over', () => {
  const { tasks } = schedules['diagonal, weight gradients at once'] as Schedule;
  for (const { work, needs, device } of tasks) {
    if (!('stage' in work) || work.stage.part !== 'decoder' || work.kind !== 'forward' || work.steps.from > 0) continue;
    const { layer } = work.stage;
    const encoder = needs
      .map(({ task }) => tasks[task] as Task)
      .filter((task) => 'stage' in task.work && task.work.stage.part === 'encoder');
    assert.deepEqual(
      encoder.map((task) => [task.device, 'stage' in task.work && 'layer' in task.work.stage && task.work.stage.layer]),
      [[device, layer]],
    );
  }
});

test('the gradient of a slice of the softmax waits for the sums of every slice', () => {
  const { tasks } = schedules['diagonal, weight gradients at once'] as Schedule;
  const output = (task: Task | undefined, kind: string) =>
    task !== undefined && 'stage' in task.work && task.work.stage.part === 'output' && task.work.kind === kind;
  const gradients = tasks.filter((task) => output(task, 'backward'));
  assert.equal(gradients.length, 2 * 3);
  for (const { needs } of gradients) {
    const combining = needs.map(({ task }) => tasks[task] as Task).find(({ work }) => work.kind === 'combine');
    assert.equal(combining?.needs.filter(({ task }) => output(tasks[task], 'forward')).length, 2);
  }
});

test('where the softmax is done as it comes, each slice ends a stretch before it begins the next', () => {
  const placement = evenPlacement(network, 5, 3);
  const kinds = (softmax: 'as needed' | 'as they come') => {
    const options = { placement, microBatches: [batch], stretch: 1, order: 'diagonal', weightGradients: 'at once', softmax } as const;
    return (pipeline(network, options).orders[4] ?? [])
      .map(({ work }) => work.kind)
      .filter((kind) => kind === 'forward' || kind === 'backward');
  };
  assert.deepEqual(
    kinds('as they come'),
    batch.target.flatMap(() => ['forward', 'backward']),
  );
  assert.notDeepEqual(kinds('as needed'), kinds('as they come'));
});

test('gpipe does every micro-batch forward before any backward', () => {
  const { orders } = schedules['gpipe, weight gradients at once'] as Schedule;
  for (const order of orders.slice(0, 3)) {
    const kinds = order.map(({ work }) => work.kind);
    assert.ok(kinds.lastIndexOf('forward') < kinds.indexOf('backward'));
  }
});

test('1f1b has no more micro-batches under way than devices', () => {
  const devices = 2;
  const placement = evenPlacement(network, devices, devices);
  const microBatches = divideShape({ source: [12, 12], target: [12, 12] }, 6);
  const cut = { stretch: Number.POSITIVE_INFINITY, weightGradients: 'at once', softmax: 'as needed' } as const;
  const options = { placement, microBatches, ...cut };
  const most = (order: Order) => {
    let [underWay, maximum] = [0, 0];
    for (const { work } of pipeline(network, { ...options, order }).orders[0] ?? []) {
      if (!('stage' in work) || work.stage.part !== 'encoder' || work.stage.layer !== 0) continue;
      underWay += work.kind === 'forward' ? 1 : -1;
      maximum = Math.max(maximum, underWay);
    }
    return maximum;
  };
  assert.equal(most('gpipe'), 6);
  assert.ok(most('1f1b') <= devices, `${most('1f1b')}`);
});

test('in 1f1b a micro-batch begins when the one before it in its place is over, gradients of weights too', () => {
  const devices = 2;
  const microBatches = divideShape({ source: [12, 12], target: [12, 12] }, 6);
  const cut = { stretch: 1, weightGradients: 'deferred', softmax: 'as needed' } as const;
  const schedule = pipeline(network, { placement: evenPlacement(network, devices, devices), microBatches, order: '1f1b', ...cut });
  const spans = simulate(schedule, {
    seconds: ({ operations }) => operations,
    handOver: { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
  }).spans.flat();
  const of = (microBatch: number) => spans.filter(({ task: { work } }) => 'microBatch' in work && work.microBatch === microBatch);
  for (let microBatch = devices; microBatch < 6; microBatch++) {
    const begin = Math.min(...of(microBatch).map(({ start }) => start));
    assert.ok(begin >= Math.max(...of(microBatch - devices).map(({ end }) => end)), `micro-batch ${microBatch}`);
  }
});

test('parts of a batch sum to it at every step and differ by a sentence at most', () => {
  const parts = divideShape(batch, 4);
  for (const side of ['source', 'target'] as const) {
    batch[side].forEach((active, step) => {
      const shares = parts.map((part) => part[side][step] as number);
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        active,
      );
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
    });
  }
});

test('the paper’s placement: a layer on each of four devices, a quarter of the vocabulary on each of the others', () => {
  assert.deepEqual(evenPlacement({ layers: 4, targetVocabulary: 80_000 }, 8, 4), {
    devices: 8,
    layers: [0, 1, 2, 3],
    vocabulary: [0, 1, 2, 3].map((slice) => ({ device: 4 + slice, from: 20_000 * slice, to: 20_000 * (slice + 1) })),
  });
});

test('every placement covers the vocabulary, and a balanced one gives every device as much to do', () => {
  const size = { layers: 4, targetVocabulary: 1_000 };
  for (let devices = 1; devices <= 9; devices++) {
    for (const { vocabulary, layers } of candidatePlacements(size, devices, 5)) {
      assert.equal(layers.length, size.layers);
      assert.equal(vocabulary[0]?.from, 0);
      for (const [slice, { to }] of vocabulary.entries()) assert.equal(to, vocabulary[slice + 1]?.from ?? size.targetVocabulary);
    }
  }
  // A vocabulary of five layers' work and four layers: three devices with three layers' work each.
  const { layers, vocabulary } = balancedPlacement(size, 3, 2, 5);
  assert.deepEqual(layers, [0, 0, 1, 1]);
  assert.deepEqual(
    vocabulary.map(({ device, from, to }) => [device, to - from]),
    [
      [0, 200],
      [1, 200],
      [2, 600],
    ],
  );
});
