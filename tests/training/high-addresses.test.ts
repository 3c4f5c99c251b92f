import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { IdPair } from '../../src/data/batch.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { Memory } from '../../src/tensor/memory.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import { parametersOf } from './collected.js';
import type { OptimizerOptions } from '../../src/training/optimizer-options.js';

const pairs: IdPair[] = Array.from({ length: 9 }, (_, key) => ({
  key,
  source: Array.from({ length: 1 + (key % 5) }, (_value, index) => uniformInteger(randomKey(1, 'sample', key), index, 40)),
  target: Array.from({ length: (key * 5) % 6 }, (_value, index) => uniformInteger(randomKey(2, 'sample', key), index, 40)),
}));
const adam = { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 } as const;
const optimizers: { readonly [name: string]: OptimizerOptions } = {
  sgd: { kind: 'sgd', learningRate: 0.5 },
  adam: { ...adam, lazy: false },
  'lazy adam': { ...adam, lazy: true },
};

/** Parameters after three updates with everything above so many bytes. Addresses that are never used cost no memory. */
async function trainedAbove(bytes: number, optimizer: OptimizerOptions, gemm: string | undefined): Promise<Float32Array[]> {
  const memory = new Memory({ shared: true });
  if (bytes > 0) memory.allocate(bytes);
  const model = createModel(modelOptions.parse({ kind: 'lstm', initialRange: 0.2, hidden: 20, attention: 'additive', dropout: 0.1 }), {
    source: 40,
    target: 40,
  });
  model.parameters.allocate(memory);
  for (const { value } of model.parameters) assert.ok(value.offset >= bytes);
  model.parameters.initialise(1);
  const device = await nodeRuntime.openDevice(memory, { gemm });
  const executor = new LocalExecutor(device, model, {
    optimizer,
    clip: { kind: 'norm', max: 1 },
    normalise: 'tokens',
    labelSmoothing: 0.1,
    consistency: 0,
    seed: 1,
  });
  for (let update = 1; update <= 3; update++) {
    const { finite } = await executor.update([pairs], { update, learningRate: optimizer.learningRate });
    assert.ok(finite);
  }
  return [...(await parametersOf(executor)).values()];
}

for (const [name, optimizer] of Object.entries(optimizers)) {
  for (const gemm of ['webassembly', undefined]) {
    test(`training above 2 GiB gives the same bits as at the bottom of the memory: ${name}, ${gemm ?? 'the fastest library'}`, async (context) => {
      const low = await trainedAbove(0, optimizer, gemm);
      try {
        new WebAssembly.Memory({ initial: 40_000, maximum: 65_536, shared: true });
      } catch {
        return context.skip('this machine has no room for so many addresses');
      }
      for (const bytes of [2 ** 31 - 2 ** 20, 3.5 * 2 ** 30]) assert.deepEqual(await trainedAbove(bytes, optimizer, gemm), low);
    });
  }
}
