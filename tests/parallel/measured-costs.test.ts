import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeRuntime } from '../../src/node/runtime.js';
import { measureCosts } from '../../src/parallel/measured-costs.js';
import { evenPlacement } from '../../src/parallel/placement.js';
import { dataParallel, pipeline } from '../../src/parallel/schedule.js';
import { Memory } from '../../src/tensor/memory.js';

test('every task has a measured cost, more rows never cost less, and nothing stays allocated', async () => {
  const memory = new Memory({ shared: false });
  const device = await nodeRuntime.openDevice(memory, { gemm: 'webassembly' });
  const network = { layers: 2, hidden: 32, embedding: 24, targetVocabulary: 300 };
  const before = memory.allocatedBytes;
  const costs = measureCosts(device, network, 16);
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
  const { tasks } = dataParallel(network, [batch(8), batch(8)], 'shared');
  assert.ok(tasks.some(({ work }) => work.kind === 'reduce') && tasks.every((task) => Number.isFinite(costs.seconds(task))));
});
