import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataParallel } from '../../../src/parallel/schedule/data-parallel.js';
import { divideShape, evenBatch, rowsOf } from '../../../src/parallel/schedule/schedule.js';
import { type ClusterWork, dataParallelOn, type NodeLink, linkOf } from '../../../src/parallel/simulation/cluster.js';
import { costsOfFigures, type DeviceFigures } from '../../../src/parallel/simulation/device-figures.js';
import { simulate } from '../../../src/parallel/simulation/simulate.js';
import { networkWith } from '../networks.js';

const handOver = { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false };
const onlyProducts: DeviceFigures = { secondsPerOperation: 1e-9, memoryBytesPerSecond: Number.POSITIVE_INFINITY, handOver };
const noDevice: DeviceFigures = { ...onlyProducts, secondsPerOperation: 0 };
const free: NodeLink = { latency: 0, perMessage: 0, perByte: 0, bytesPerSecond: Number.POSITIVE_INFINITY, bytesPerValue: 4 };

/** Without tables of touched rows, in one piece. */
const network = networkWith({ kind: 'transformer', width: 32, heads: 2, encoderLayers: 2, decoderLayers: 2, tiedEmbeddings: 'all' }, 200);
const parameters = network.parameters.reduce((sum, { size }) => sum + size, 0);
const workOf = (figures: DeviceFigures, sentences = 64): ClusterWork => {
  return { network, batch: evenBatch(sentences, 5, 6), batches: 1, costs: costsOfFigures(figures, 'sgd') };
};
const isClose = (actual: number, expected: number) => {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * expected, `${actual} instead of ${expected}`);
};

test('one node takes what one process on its devices does', () => {
  const work = workOf({ ...onlyProducts, memoryBytesPerSecond: 1e9 });
  for (const devices of [1, 2]) {
    const schedule = dataParallel(network, divideShape(work.batch, devices), { memories: 'shared', batches: 1 });
    assert.equal(dataParallelOn(1, devices, work, free).seconds, simulate(schedule, work.costs).seconds);
  }
});

test('without a network’s cost nodes are as fast as there are nodes, with one batch or with one each', () => {
  const one = dataParallelOn(1, 1, workOf(onlyProducts), free).seconds;
  for (const nodes of [2, 8, 64]) {
    isClose(dataParallelOn(nodes, 1, workOf(onlyProducts), free).seconds, one / nodes);
    isClose(dataParallelOn(nodes, 1, workOf(onlyProducts, 64 * nodes), free).seconds, one);
  }
});

test('where bandwidth is all that counts, an update takes its bytes by the bandwidth', () => {
  const nodes = 8;
  const { batch } = workOf(noDevice);
  const ids = (4 * (rowsOf(batch.source) + rowsOf(batch.target))) / nodes;
  // Gradients to whoever updates them and parameters back; token ids, two sums and the result.
  const bytes = (2 * 4 * parameters * (nodes - 1)) / nodes + (nodes - 1) * (ids + 2 * 8 + 64);
  const update = dataParallelOn(nodes, 1, workOf(noDevice), { ...free, bytesPerSecond: 1e6 });
  isClose(update.bytes, bytes);
  isClose(update.seconds, bytes / 1e6);
  assert.equal(update.computingSeconds, 0);
});

test('where messages are all that counts, an update takes its six exchanges, each with a message to every other node', () => {
  const [latency, perMessage] = [1e-3, 1e-5];
  for (const nodes of [2, 1_024]) {
    const { seconds } = dataParallelOn(nodes, 1, workOf(noDevice), { ...free, latency, perMessage });
    isClose(seconds, 6 * (latency + (nodes - 1) * perMessage));
  }
});

test('pieces travel while backward goes on', () => {
  const large = networkWith({ layers: 4, hidden: 512, embedding: 32 }, 500);
  const work: ClusterWork = { network: large, batch: evenBatch(32, 6, 6), batches: 1, costs: costsOfFigures(onlyProducts, 'sgd') };
  const { seconds, computingSeconds, linkSeconds } = dataParallelOn(2, 1, work, { ...free, bytesPerSecond: 100e6 });
  assert.ok(seconds < computingSeconds + 0.7 * linkSeconds, `${seconds} of ${computingSeconds} and ${linkSeconds}`);
  assert.ok(seconds > computingSeconds && seconds > linkSeconds);
});

test('the protocol keeps devices from computing only while backward goes on', () => {
  const large = networkWith({ layers: 4, hidden: 512, embedding: 32 }, 500);
  const work: ClusterWork = { network: large, batch: evenBatch(32, 6, 6), batches: 1, costs: costsOfFigures(onlyProducts, 'sgd') };
  const { seconds, bytes } = dataParallelOn(2, 1, work, free);
  const longer = (perByte: number) => dataParallelOn(2, 1, work, { ...free, perByte }).seconds - seconds;
  assert.ok(longer(1e-9) > 0.3 * bytes * 1e-9 && longer(1e-9) < 0.5 * bytes * 1e-9, `${longer(1e-9)} for ${bytes} bytes`);
  assert.ok(Math.abs(longer(2e-9) - 2 * longer(1e-9)) < 1e-12);
});

test('in bfloat16 a node converts three values for each that is learnt', () => {
  const { costs, ...work } = workOf(noDevice);
  const link = { ...free, bytesPerValue: 2 };
  const updateOf = (conversion: number) => dataParallelOn(2, 1, { ...work, costs: { ...costs, conversion } }, link).seconds;
  assert.equal(updateOf(0), 0);
  isClose(updateOf(1e-9), 3e-9 * parameters);
});

test('touched rows of embeddings go to all nodes', () => {
  const sparse = networkWith({ layers: 1, hidden: 8, embedding: 8, attention: 'none' }, 10_000);
  const work: ClusterWork = { network: sparse, batch: evenBatch(8, 3, 3), batches: 1, costs: costsOfFigures(noDevice, 'sgd') };
  const dense = sparse.parameters.filter(({ rules }) => rules.gradient === 'dense').reduce((sum, { size }) => sum + size, 0);
  const nodes = 4;
  const { bytes } = dataParallelOn(nodes, 1, work, free);
  const rows = 2 * 10_000 * (1 - (1 - 1 / 10_000) ** 6);
  isClose(bytes, (8 * dense * (nodes - 1)) / nodes + (nodes - 1) * (4 * 12 + 2 * 8 + 64 + rows * (8 * 4 + 4)));
});

test('a link is what its file says: bf16 halves values, and switches share what leads to others', () => {
  const of = { gbits: 8, latency: 1, perMessage: 1, perByte: 1, nodesPerSwitch: 16, oversubscription: 4 };
  assert.deepEqual(linkOf({ network: of, wire: 'f32' }, 16), {
    latency: 1e-6,
    perMessage: 1e-6,
    bytesPerSecond: 1e9,
    perByte: 1e-9,
    bytesPerValue: 4,
  });
  assert.equal(linkOf({ network: of, wire: 'f32' }, 17).bytesPerSecond, 0.25e9);
  assert.equal(linkOf({ network: of, wire: 'bf16' }, 2).bytesPerValue, 2);
});
