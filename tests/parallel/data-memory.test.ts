import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { DataExecutor } from '../../src/parallel/data/executor.js';
import { Memories } from '../../src/parallel/memories.js';
import { Memory } from '../../src/tensor/memory.js';
import { keptThreads } from './kept-threads.js';

/** A little more than 4 MiB of parameters, and as much of gradients on every device. */
const options = modelOptions.parse({ kind: 'lstm', layers: 1, hidden: 256 });
const rule = {
  optimizer: { kind: 'sgd', learningRate: 1 },
  clip: { kind: 'none' },
  normalise: 'tokens',
  labelSmoothing: 0,
  consistency: 0,
  seed: 1,
} as const;

async function start(mebibytes: number, devices: number): Promise<DataExecutor> {
  const newMemory = () => new Memory({ shared: true, maximumBytes: mebibytes * 1024 ** 2 });
  const memories = new Memories({ ...keptThreads, newMemory });
  const model = createModel(options, { source: 8, target: 8 });
  const common = { runtime: keptThreads, memories, model, modelOptions: options, rule, devices, gemm: 'webassembly' };
  const executor = await DataExecutor.start(common);
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  return executor;
}

test('more devices than the memory has room for are refused before any starts, with the number that fits', async () => {
  await assert.rejects(start(40, 8), (error: DecadeError) => {
    assert.equal(error.kind, 'resource');
    const [, fitting] = /at most (\d+)/.exec(error.message) ?? [];
    assert.ok(Number(fitting) >= 2 && Number(fitting) < 8, error.message);
    assert.match(error.message, new RegExp(`--devices ${fitting}\\b`));
    return true;
  });
});

test('the number that fits trains', async () => {
  const error = await start(40, 8).catch((reason: unknown) => reason);
  assert.ok(error instanceof DecadeError);
  const executor = await start(40, Number(/at most (\d+)/.exec(error.message)?.[1]));
  const pair = { source: Int32Array.of(4, 5), target: Int32Array.of(5, 4), key: 0 };
  const result = await executor.update([[pair, { ...pair, key: 1 }]], { update: 1, learningRate: 1 });
  assert.ok(result.finite);
  await executor.dispose();
});

test('where not even one device fits, a smaller model is the advice', async () => {
  await assert.rejects(start(7, 1), /Train a smaller model/);
});
