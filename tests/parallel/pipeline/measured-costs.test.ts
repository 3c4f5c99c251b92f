import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { dataParallel } from '../../../src/parallel/schedule/data-parallel.js';
import { measureCosts } from '../../../src/parallel/pipeline/measured-costs.js';
import { networkOf } from '../../../src/parallel/schedule/network.js';
import { evenPlacement } from '../../../src/parallel/schedule/placement.js';
import { pipeline } from '../../../src/parallel/schedule/pipeline.js';
import { evenBatch } from '../../../src/parallel/schedule/schedule.js';
import { Memory } from '../../../src/tensor/memory.js';
import { optimizerOptions } from '../../../src/training/optimizer-options.js';
import { networkWith } from '../networks.js';

test('every task has a measured cost, more rows never cost less, and nothing stays allocated', async () => {
  const memory = new Memory({ shared: false });
  const device = await nodeRuntime.openDevice(memory, { gemm: 'webassembly' });
  const network = networkWith({ layers: 2, hidden: 32, embedding: 24 }, 300);
  const before = memory.allocatedBytes;
  const costs = measureCosts(device, { network, sentences: 16 });
  device.matrix.dispose();
  assert.ok(memory.allocatedBytes <= before + 1024, 'scratch of the matrix library apart');
  const batch = (sentences: number) => ({ source: [sentences, sentences], target: [sentences, sentences, sentences] });
  const cut = { stretch: 1, weightGradients: 'deferred', softmax: 'as needed' } as const;
  const options = { placement: evenPlacement(network, 3, 2), order: 'diagonal', ...cut } as const;
  const [few, many] = [2, 64].map((sentences) => pipeline(network, { ...options, microBatches: [batch(sentences)] }).tasks);
  for (const [id, task] of (few ?? []).entries()) {
    const larger = many?.[id];
    assert.ok(larger !== undefined && costs.seconds(task) >= 0 && costs.seconds(larger) >= costs.seconds(task), JSON.stringify(task.work));
    if ('stage' in task.work) assert.ok(costs.seconds(task) > 0);
  }
  const { tasks } = dataParallel(network, [batch(8), batch(8)], { memories: 'shared' });
  assert.ok(tasks.some(({ work }) => work.kind === 'reduce') && tasks.every((task) => Number.isFinite(costs.seconds(task))));
});

test('every option of a model has measured costs on one device and on several', async () => {
  const device = await nodeRuntime.openDevice(new Memory({ shared: false }), { gemm: 'webassembly' });
  const shard = { source: [2, 2, 2], target: [2, 2, 1] };
  for (const model of [
    { attention: 'additive', bidirectional: true, residual: true },
    { layers: 1, attention: 'dot', inputFeeding: true, embedding: 12 },
  ]) {
    const network = networkWith({ hidden: 16, ...model }, 50, { kind: 'adam' });
    const costs = measureCosts(device, { network, sentences: 2 });
    for (const shards of [[shard], [shard, shard]]) {
      const { tasks } = dataParallel(network, shards, { memories: 'shared' });
      for (const task of tasks) {
        const seconds = costs.seconds(task);
        assert.ok(Number.isFinite(seconds) && seconds >= 0, `${JSON.stringify(model)} ${JSON.stringify(task.work)}: ${seconds}`);
        if ('stage' in task.work && task.work.kind === 'forward') assert.ok(seconds > 0, JSON.stringify(task.work));
      }
    }
  }
  device.matrix.dispose();
});

test('a model whose layers are not measured one by one costs what its whole passes do', async () => {
  const memory = new Memory({ shared: false });
  const device = await nodeRuntime.openDevice(memory, { gemm: 'webassembly' });
  const before = memory.allocatedBytes;
  for (const [vocabularies, sourceTokens] of [
    [{ source: 50, target: 60 }, 5],
    [{ target: 60 }, 0],
  ] as const) {
    const model = modelOptions.parse({ kind: 'transformer', width: 16, heads: 2, encoderLayers: 1, decoderLayers: 2, dropout: 0 });
    const network = networkOf(createModel(model, vocabularies), optimizerOptions.parse({ kind: 'adam' }));
    const costs = measureCosts(device, { network, sentences: 8, whole: { model, vocabularies, sourceTokens, targetTokens: 6 } });
    const secondsOf = (sentences: number) => {
      const { tasks } = dataParallel(network, [evenBatch(sentences, sourceTokens, 6)], { memories: 'shared' });
      for (const task of tasks) if ('stage' in task.work) assert.ok(costs.seconds(task) > 0, JSON.stringify(task.work));
      return tasks.reduce((sum, task) => sum + ('stage' in task.work ? costs.seconds(task) : 0), 0);
    };
    // Times of so small a network are mostly chance; that every pass has one is not.
    for (const sentences of [1, 8, 100]) assert.ok(secondsOf(sentences) > 0 && Number.isFinite(secondsOf(sentences)));
  }
  device.matrix.dispose();
  assert.ok(memory.allocatedBytes <= before + 1024, 'scratch of the matrix library apart');
});
