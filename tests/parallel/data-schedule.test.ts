import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdPair } from '../../src/data/batch.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import type { Gradients } from '../../src/nn/parameters.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { dataParallel } from '../../src/parallel/schedule/data-parallel.js';
import { divide } from '../../src/parallel/data/divide.js';
import { networkOf } from '../../src/parallel/schedule/network.js';
import { divideShape, evenBatch, type Task } from '../../src/parallel/schedule/schedule.js';
import { simulate } from '../../src/parallel/simulation/simulate.js';
import type { Device } from '../../src/tensor/device.js';
import { Memory } from '../../src/tensor/memory.js';
import { sumGradients } from '../../src/training/exchange.js';
import { Optimizer } from '../../src/training/optimizer.js';
import { type OptimizerOptions, optimizerOptions, type UpdateRule } from '../../src/training/optimizer-options.js';
import { Replica } from '../../src/training/replica.js';
import { networkWith } from './networks.js';

/** So many words that no two tokens of the pairs below are the same. */
const vocabularies = { source: 200_000, target: 150_000 };
const steps = 4;
/** A sentence for each of so many devices, all of different words. */
const pairsOf = (devices: number): IdPair[] =>
  Array.from({ length: devices }, (_, key) => {
    const ids = Int32Array.from({ length: steps }, (_value, position) => 10 + key * steps + position);
    return { key, source: ids, target: ids.subarray(1) };
  });

/** Counts the values that each kernel of the exchange is given. */
function counting(device: Device): { device: Device; values: { reduced: number; updated: number } } {
  const values = { reduced: 0, updated: 0 };
  const { kernels } = device;
  const counted: Pick<
    typeof kernels,
    'moveGradient' | 'addToTouchedRows' | 'sgdUpdate' | 'adamUpdate' | 'sgdUpdateRows' | 'adamUpdateRows'
  > = {
    moveGradient(y, x, count) {
      values.reduced += count;
      return kernels.moveGradient(y, x, count);
    },
    addToTouchedRows(...given) {
      values.reduced += given[6] * given[7];
      return kernels.addToTouchedRows(...given);
    },
    sgdUpdate(...given) {
      values.updated += given[2];
      kernels.sgdUpdate(...given);
    },
    adamUpdate(...given) {
      values.updated += given[4];
      kernels.adamUpdate(...given);
    },
    sgdUpdateRows(...given) {
      values.updated += given[3] * given[5];
      kernels.sgdUpdateRows(...given);
    },
    adamUpdateRows(...given) {
      values.updated += given[3] * given[7];
      kernels.adamUpdateRows(...given);
    },
  };
  return { device: { ...device, kernels: { ...kernels, ...counted } }, values };
}

/** What replicas sum and change in one update, a device each. */
async function executed(devices: number, options: ReturnType<typeof modelOptions.parse>, optimizer: OptimizerOptions) {
  const memory = new Memory({ shared: false });
  const opened = await nodeRuntime.openDevice(memory, { gemm: 'webassembly' });
  const model = createModel(options, vocabularies);
  model.parameters.allocate(memory);
  model.parameters.initialise(1);
  const rule: UpdateRule = { optimizer, clip: { kind: 'none' }, normalise: 'tokens', labelSmoothing: 0, consistency: 0, seed: 1 };
  const shared = new Optimizer(optimizer, model.parameters, memory);
  const all = Array.from({ length: devices }, () => counting(opened));
  const replicas = all.map(({ device }) => new Replica(device, model, rule));
  for (const [part, pair] of pairsOf(devices).entries()) replicas[part]?.accumulate([pair], { update: 1, gradientScale: 1 });
  for (const { values } of all) Object.assign(values, { reduced: 0, updated: 0 });
  const gradients = replicas.map((replica) => replica.gradients);
  const step = { update: 1, learningRate: 0.1, factor: 1 };
  for (const [part, { device }] of replicas.entries()) sumGradients(device, gradients, { part, parts: devices });
  const learnt = [...(gradients[0] as Gradients)];
  for (const each of learnt) shared.unpack(opened.kernels, each);
  for (const [part, { device }] of replicas.entries()) {
    for (const each of learnt)
      shared.update(device.kernels, each, step, { values: { part, parts: devices }, rows: { part, parts: devices } });
  }
  opened.matrix.dispose();
  return all.map(({ values }) => values);
}

for (const [name, model, optimizer] of [
  ['sgd', { layers: 2 }, { kind: 'sgd' }],
  ['Adam, which changes whole embeddings', { layers: 1 }, { kind: 'adam' }],
  ['lazy Adam, attention and tied embeddings', { layers: 1, attention: 'additive', tiedEmbeddings: true }, { kind: 'adam', lazy: true }],
] as const) {
  test(`the schedule sums and changes on each device as many values as its replica does: ${name}`, async () => {
    const options = modelOptions.parse({ kind: 'lstm', hidden: 4, ...model });
    const rule = optimizerOptions.parse(optimizer);
    const network = networkOf(createModel(options, vocabularies), rule);
    for (const devices of [2, 3]) {
      const { tasks } = dataParallel(network, divideShape(evenBatch(devices, steps, steps), devices), { memories: 'shared' });
      const valuesOf = (kind: Task['work']['kind'], device: number) => {
        const [work] = tasks.flatMap(({ device: on, work }) => (on === device && work.kind === kind && 'values' in work ? [work] : []));
        return work?.values ?? Number.NaN;
      };
      for (const [device, { reduced, updated }] of (await executed(devices, options, rule)).entries()) {
        assert.ok(Math.abs(valuesOf('reduce', device) - reduced) < 1, `device ${device}: ${valuesOf('reduce', device)}, ${reduced} summed`);
        // Sentences share one word, the one that begins them all.
        const tolerance = 4 * devices;
        assert.ok(
          Math.abs(valuesOf('update', device) - updated) <= tolerance,
          `device ${device}: ${valuesOf('update', device)}, ${updated} changed`,
        );
      }
    }
  });
}

const network = networkWith({ layers: 2, hidden: 16 }, 100);

test('as devices that meet three times: nothing is summed before all are through, nothing changed before all is summed', () => {
  const { tasks } = dataParallel(network, divideShape(evenBatch(7, 3, 3), 3), { memories: 'shared', batches: 2 });
  const of = (kind: Task['work']['kind']) => tasks.filter(({ work }) => work.kind === kind);
  const dependencies = (task: Task): Set<number> => {
    const found = new Set<number>();
    const walk = (id: number) => {
      if (found.has(id)) return;
      found.add(id);
      for (const need of (tasks[id] as Task).needs) walk(need.task);
    };
    for (const need of task.needs) walk(need.task);
    return found;
  };
  const stages = tasks.filter(({ work }) => 'microBatch' in work);
  assert.equal(of('reduce').length, 3);
  for (const task of of('reduce')) assert.deepEqual(new Set(stages.map(({ id }) => id)), dependencies(task));
  for (const task of of('update')) for (const { id } of of('reduce')) assert.ok(dependencies(task).has(id));
  assert.equal(of('norm').length, 0, 'sums of squares come with the sums');
  // The second batch of a device begins when its first is over.
  const second = stages.find(({ device, work }) => device === 1 && 'microBatch' in work && work.microBatch === 1) as Task;
  const first = stages.filter(({ device, work }) => device === 1 && 'microBatch' in work && work.microBatch === 0);
  for (const { id } of first) assert.ok(dependencies(second).has(id));
});

test('a device goes through its shard as a tape does: both sides forward, then back in reverse', () => {
  for (const [model, stages] of [
    [{ layers: 2 }, ['encoder 0', 'encoder 1', 'decoder 0', 'decoder 1', 'output']],
    [{ layers: 1, attention: 'dot', bidirectional: true }, ['encoder 0', 'decoder 0', 'attention', 'output']],
    [
      { layers: 1, attention: 'dot', inputFeeding: true },
      ['encoder 0', 'decoder 0', 'attention', 'decoder 0', 'attention', 'decoder 0', 'attention', 'output'],
    ],
  ] as const) {
    const { orders } = dataParallel(networkWith({ hidden: 8, ...model }, 50), divideShape(evenBatch(4, 2, 3), 2), { memories: 'shared' });
    for (const order of orders) {
      const done = (kind: 'forward' | 'backward') =>
        order.flatMap(({ work }) => {
          if (!('stage' in work) || work.kind !== kind) return [];
          return 'layer' in work.stage ? [`${work.stage.part} ${work.stage.layer}`] : [work.stage.part];
        });
      assert.deepEqual(done('forward'), stages);
      assert.deepEqual(done('backward'), stages.toReversed());
    }
  }
});

test('a batch is divided as the devices divide it', () => {
  for (const [sentences, devices] of [
    [8, 3],
    [2, 5],
    [64, 7],
  ] as const) {
    const pairs = Array.from({ length: sentences }, (_, key) => ({ key, source: new Int32Array(3), target: new Int32Array(2) }));
    assert.deepEqual(
      divide(pairs, devices, { source: 1, target: 1 }).map(({ length }) => length),
      divideShape(evenBatch(sentences, 3, 3), devices).map(({ source }) => source[0]),
    );
  }
});

test('exchanging gradients takes as many bytes as every device must receive', () => {
  const bytesPerSecond = 1e3;
  const devices = 4;
  const costs = { seconds: () => 0, handOver: { latency: 0, bytesPerSecond, blocking: false } };
  const shards = divideShape({ source: [24, 24, 24], target: [24, 24] }, devices);
  // With Adam every value is updated, so that all devices have as much to send.
  const large = networkWith({ layers: 2, hidden: 16 }, 100, { kind: 'adam' });
  const { seconds, exchangeSeconds, waitingSeconds, fillSeconds } = simulate(dataParallel(large, shards, { memories: 'separate' }), costs);
  const values = large.parameters.reduce((sum, { size }) => sum + size, 0);
  const dense = values - 2 * 100 * 16;
  const [received, gathered] = [((devices - 1) * 4 * dense) / devices, ((devices - 1) * 4 * values) / devices];
  assert.ok(seconds > (received + gathered) / bytesPerSecond);
  assert.ok(exchangeSeconds <= devices * seconds && exchangeSeconds > 0.9 * devices * seconds, 'nothing else takes time');
  assert.ok(Math.abs(exchangeSeconds + waitingSeconds + fillSeconds - devices * seconds) < 1e-9 * seconds);
});

test('an update of several batches exchanges gradients once', () => {
  const of = (batches: number) => dataParallel(network, divideShape(evenBatch(6, 3, 3), 2), { memories: 'separate', batches }).tasks;
  const count = (batches: number, isOf: (task: Task) => boolean) => of(batches).filter(isOf).length;
  const isExchange = ({ work }: Task) => ['reduce', 'update', 'gather'].includes(work.kind);
  assert.equal(count(3, isExchange), count(1, isExchange));
  assert.equal(
    count(3, (task) => !isExchange(task)),
    3 * count(1, (task) => !isExchange(task)),
  );
});
