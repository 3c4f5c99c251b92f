import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeBytes, trainingBytes } from '../../../src/analysis/cost/cluster-memory.js';
import { clusterPage } from '../../../src/analysis/cost/cluster-page.js';
import { ClusterSimulator } from '../../../src/analysis/cost/cluster-simulation.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { networkOf } from '../../../src/parallel/schedule/network.js';
import type { ClusterProfile } from '../../../src/parallel/simulation/cluster-profile.js';
import { costsOfFigures } from '../../../src/parallel/simulation/device-figures.js';
import { optimizerOptions } from '../../../src/training/optimizer-options.js';

const adam = optimizerOptions.parse({ kind: 'adam' });
const sizes = { kind: 'transformer', width: 32, heads: 2, encoderLayers: 2, decoderLayers: 2, tiedEmbeddings: 'all' };
const model = createModel(modelOptions.parse(sizes), { source: 300, target: 300 });
const batch = { sentences: 32, sourceTokens: 6, targetTokens: 7, batchesPerUpdate: 1, counted: false };
const costs = costsOfFigures(
  { secondsPerOperation: 1e-10, memoryBytesPerSecond: 1e10, handOver: { latency: 0, bytesPerSecond: 1e9, blocking: false } },
  'adam',
);
const profile: ClusterProfile = {
  version: 1,
  name: 'test',
  nodes: 8,
  devices: 1,
  memoryGiB: 1,
  device: { gflops: 10, bandwidth: 10 },
  nodesPerMachine: 1,
  network: { gbits: 1, latency: 50, perMessage: 5, perByte: 0, oversubscription: 1 },
  wire: 'f32',
};
const rule = { consistency: 0 };
const training = { model, network: networkOf(model, adam), batch, rule, costs: () => costs };

test('divided averages leave 8 + 8 / N of Adam’s 16 bytes a parameter (ZeRO, P_os, in f32)', () => {
  const count = model.parameters.count;
  const bytes = trainingBytes(model, adam, batch, rule);
  const { whole, divided } = nodeBytes({ ...bytes, activations: () => 0 }, { nodes: 64, devices: 1, sentences: 8 });
  assert.equal(whole, 16 * count);
  assert.equal(divided, 8 * count + (8 * count) / 64);
});

test('what forward and backward keep grows in proportion to sentences', () => {
  const { activations } = trainingBytes(model, adam, batch, rule);
  assert.equal(activations(0), 0);
  assert.ok(activations(1) > 0);
  assert.ok(Math.abs(activations(9) - activations(5) - (activations(5) - activations(1))) < 1);
});

test('what a cluster gives: efficiency falls with nodes for one batch, less with a batch each, and memory may not do', async () => {
  const simulator = new ClusterSimulator(profile, training);
  const strong = [1, 4, 16].map((nodes) => simulator.data('strong', nodes));
  const weak = [1, 4, 16].map((nodes) => simulator.data('weak', nodes));
  assert.equal(strong[0]?.efficiency, 1);
  for (const [index, { efficiency, communication, sentences, nodes }] of weak.entries()) {
    assert.equal(sentences, 32 * nodes);
    assert.ok(efficiency >= (strong[index]?.efficiency ?? 1) && communication < 1);
  }
  assert.ok((strong[1]?.efficiency ?? 1) > (strong[2]?.efficiency ?? 1));
  const pipeline = simulator.pipeline('strong', 2);
  assert.ok(pipeline?.pipelines !== undefined && pipeline.pipelines.devices >= 2);
  assert.ok(pipeline.memory.wholeMiB < (strong[0]?.memory.wholeMiB ?? 0));
  assert.equal(simulator.pipeline('strong', 1), undefined, 'one device is no pipeline');
  assert.equal(strong[0]?.memory.fits, 'yes');
  const small = new ClusterSimulator({ ...profile, memoryGiB: 1e-4 }, training);
  assert.equal(small.data('strong', 4).memory.fits, 'no');
  assert.match(await clusterPage('test', [...strong, ...weak]), /<svg.*efficiency, %.*<table/s);
});

test('layers that cannot be separated have no pipeline on nodes either', () => {
  const attentive = createModel(modelOptions.parse({ kind: 'lstm', layers: 2, hidden: 8, attention: 'dot' }), { source: 50, target: 50 });
  const simulator = new ClusterSimulator(profile, { ...training, model: attentive, network: networkOf(attentive, adam) });
  assert.equal(simulator.pipeline('strong', 4), undefined);
});
