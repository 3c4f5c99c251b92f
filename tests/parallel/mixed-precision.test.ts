import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { IdPair } from '../../src/data/batch.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { DataExecutor } from '../../src/parallel/data/executor.js';
import { Memories } from '../../src/parallel/memories.js';
import { mixedPrecision } from '../../src/node/native/mixed-precision.js';
import type { Precision } from '../../src/tensor/matrix.js';
import { Memory } from '../../src/tensor/memory.js';
import type { Executor } from '../../src/training/executor.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import type { UpdateRule } from '../../src/training/optimizer-options.js';
import { kept, parametersOf } from '../training/collected.js';
import { keptThreads } from './kept-threads.js';

const gemm = 'onednn';
const { provider, report } = await mixedPrecision(new Memory({ shared: true }), { gemm });
provider?.dispose();

const options = modelOptions.parse({ kind: 'lstm', initialRange: 0.2, layers: 2, hidden: 32 });
const rule: UpdateRule = {
  optimizer: { kind: 'sgd', learningRate: 1 },
  clip: { kind: 'norm', max: 5 },
  normalise: 'tokens',
  labelSmoothing: 0,
  consistency: 0,
  seed: 1,
};
const pairs: IdPair[] = Array.from({ length: 24 }, (_, key) => ({
  key,
  source: Array.from({ length: 2 + (key % 9) }, (_value, index) => 4 + uniformInteger(randomKey(1, 'sample', key), index, 36)),
  target: Array.from({ length: 1 + ((key * 5) % 8) }, (_value, index) => 4 + uniformInteger(randomKey(2, 'sample', key), index, 31)),
}));

/** `devices` 0: on this thread. */
async function start(precision: Precision, devices: number): Promise<Executor> {
  const memories = new Memories(nodeRuntime);
  const model = createModel(options, { source: 40, target: 35 });
  let executor: Executor;
  if (devices === 0) {
    const device = await nodeRuntime.openDevice(memories.withRoom(0), { gemm, precision });
    model.parameters.allocate(device.memory);
    executor = new LocalExecutor(device, model, rule);
  } else
    executor = await DataExecutor.start({ runtime: keptThreads, memories, model, modelOptions: options, rule, devices, gemm, precision });
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  return executor;
}

/** Twelve updates of two micro-batches each. */
async function train(precision: Precision, devices: number) {
  const executor = await start(precision, devices);
  const losses: number[] = [];
  for (let update = 1; update <= 12; update++) {
    losses.push((await executor.update([pairs.slice(0, 15), pairs.slice(15)], { update, learningRate: 1 })).loss);
  }
  const parameters = Float64Array.from([...(await parametersOf(executor)).values()].flatMap((values) => [...values]));
  const { placement } = executor;
  await executor.dispose();
  return { losses, parameters, placement };
}

function distance(left: Float64Array, right: Float64Array): number {
  return Math.hypot(...left.map((value, index) => value - (right[index] as number))) / Math.hypot(...right);
}

describe('training in bf16', { skip: provider === undefined ? report.reason : false }, () => {
  let mixed: Awaited<ReturnType<typeof train>>;
  before(async () => {
    mixed = await train('bf16', 0);
  });

  it('stays close to f32, and learns as fast', async () => {
    const full = await train('f32', 0);
    assert.deepEqual([mixed.placement.precision, full.placement.precision], ['bf16', 'f32']);
    const [start = 0, end = 0] = [full.losses[0], full.losses.at(-1)];
    assert.ok(end < 0.95 * start, `${start} ${end}`);
    for (const [update, loss] of mixed.losses.entries()) {
      assert.ok(Math.abs(loss - (full.losses[update] as number)) < 2e-4 * loss, `update ${update + 1}: ${loss} ${full.losses[update]}`);
    }
    const apart = distance(mixed.parameters, full.parameters);
    assert.ok(apart > 1e-6 && apart < 1e-3, String(apart));
  });

  it('agrees on any number of devices to its precision, and repeats bit by bit', async () => {
    const together = await train('bf16', 2);
    assert.equal(together.placement.precision, 'bf16');
    assert.ok(distance(together.parameters, mixed.parameters) < 1e-4, String(distance(together.parameters, mixed.parameters)));
    assert.deepEqual((await train('bf16', 2)).parameters, together.parameters);
  });

  it('sees parameters that were distributed between updates', async () => {
    const executor = await start('bf16', 1);
    const before = await executor.evaluate(pairs);
    const { parameters } = await executor.collect();
    const copy = await kept(parameters);
    await executor.distribute({
      parameters: { shapes: parameters.shapes, requireSame: () => undefined, read: async (_name, _start, target) => void target.fill(0) },
    });
    const uniform = await executor.evaluate(pairs);
    assert.ok(Math.abs(uniform.negativeLogLikelihood / uniform.targetTokens - Math.log(35)) < 1e-4);
    await executor.distribute({ parameters: copy });
    assert.equal((await executor.evaluate(pairs)).negativeLogLikelihood, before.negativeLogLikelihood);
    await executor.dispose();
  });
});
