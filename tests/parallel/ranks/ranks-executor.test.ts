import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import type { IdPair } from '../../../src/data/batch.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { InitialValues } from '../../../src/nn/parameters.js';
import { DataExecutor } from '../../../src/parallel/data/executor.js';
import { Memories } from '../../../src/parallel/memories.js';
import { dismissRanks, introduceRanks } from '../../../src/parallel/ranks/claims.js';
import { RanksExecutor } from '../../../src/parallel/ranks/executor.js';
import { lendDevices } from '../../../src/parallel/ranks/lend.js';
import type { RankClaims } from '../../../src/parallel/ranks/messages.js';
import type { Precision } from '../../../src/tensor/matrix.js';
import type { Executor } from '../../../src/training/executor.js';
import { optimizerOptions, type UpdateRule } from '../../../src/training/optimizer-options.js';
import { keptThreads } from '../kept-threads.js';
import { networksInMemory } from './networks-in-memory.js';

const gemm = 'webassembly';
const vocabularies = { source: 40, target: 35 };
const options = modelOptions.parse({ kind: 'lstm', initialRange: 0.2, hidden: 24, layers: 1, dropout: 0.2, attention: 'dot' });
const pairs: IdPair[] = Array.from({ length: 25 }, (_, key) => ({
  key,
  source: Array.from({ length: 1 + (key % 9) }, (_value, index) => 4 + uniformInteger(randomKey(1, 'sample', key), index, 36)),
  target: Array.from({ length: (key * 5) % 8 }, (_value, index) => 4 + uniformInteger(randomKey(2, 'sample', key), index, 31)),
}));
const ruleOf = (optimizer: object): UpdateRule => ({
  optimizer: optimizerOptions.parse(optimizer),
  clip: { kind: 'norm', max: 1 },
  normalise: 'tokens',
  labelSmoothing: 0.1,
  seed: 4,
});
const rules = {
  sgd: ruleOf({ kind: 'sgd', learningRate: 0.5 }),
  adam: ruleOf({ kind: 'adam', learningRate: 0.01, weightDecay: 0.01 }),
  'lazy adam': ruleOf({ kind: 'adam', learningRate: 0.01, lazy: true }),
};
const claims = (changes: Partial<RankClaims> = {}): RankClaims => ({ host: 'here', devices: 1, same: { 'the version': '1' }, ...changes });

/** All learnt values after 20 updates of two micro-batches each. */
async function train(executor: Executor, rule: UpdateRule, model: ReturnType<typeof createModel>) {
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  for (let update = 1; update <= 20; update++) {
    await executor.update([pairs.slice(update % 5, 15), pairs.slice(15)], { update, learningRate: rule.optimizer.learningRate });
  }
  const { parameters, optimizerState } = await executor.collect();
  const values = new Map<string, Float32Array>();
  for (const named of [parameters, optimizerState]) {
    for (const [name, shape] of named.shapes) {
      const read = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1));
      await named.read(name, 0, read);
      values.set(name, read);
    }
  }
  const likelihood = (await executor.evaluate(pairs)).negativeLogLikelihood;
  await executor.dispose();
  return { values, likelihood };
}

async function onOneProcess(rule: UpdateRule) {
  const model = createModel(options, vocabularies);
  const memories = new Memories(keptThreads);
  const executor = await DataExecutor.start({ runtime: keptThreads, memories, model, modelOptions: options, rule, devices: 1, gemm });
  return train(executor, rule, model);
}

async function onRanks(devices: readonly number[], rule: UpdateRule, communication: Precision = 'f32') {
  const { networks, end } = networksInMemory(devices.length);
  const [first, ...others] = networks;
  assert.ok(first);
  const lending = others.map((network) => lendDevices(keptThreads, network, async () => claims()));
  const lent = await introduceRanks(first, claims());
  const model = createModel(options, vocabularies);
  const common = { runtime: keptThreads, memories: new Memories(keptThreads), model, modelOptions: options, rule, gemm };
  const trained = await train(await RanksExecutor.startOnRanks({ ...common, lent, devices, communication }), rule, model);
  await dismissRanks(first);
  await Promise.all(lending);
  end();
  return trained;
}

for (const [name, placements] of [
  ['sgd', [[1, 1, 1]]],
  ['adam', [[2, 1]]],
  ['lazy adam', [[1, 2]]],
] as const) {
  test(`ranks agree with one process, parameters and optimizer: ${name}`, async () => {
    const alone = await onOneProcess(rules[name]);
    for (const devices of placements) {
      const together = await onRanks(devices, rules[name]);
      assert.deepEqual([...together.values.keys()], [...alone.values.keys()]);
      for (const [value, expected] of alone.values) {
        const other = together.values.get(value) ?? new Float32Array();
        const difference = Math.hypot(...expected.map((each, index) => each - (other[index] as number)));
        assert.ok(difference <= 1e-5 * Math.hypot(...expected), `${devices} devices, ${value}: ${difference}`);
      }
      assert.ok(Math.abs(together.likelihood - alone.likelihood) < 1e-4 * alone.likelihood);
    }
  });
}

test('the same ranks give the same bits', async () => {
  const [first, second] = [await onRanks([1, 1], rules.adam), await onRanks([1, 1], rules.adam)];
  assert.deepEqual(first.values, second.values);
});

test('a rank that has something else is told by name before anything is computed; data that is not there is not compared', async () => {
  const meet = async (same: RankClaims['same'], its: RankClaims['same']) => {
    const { networks, end } = networksInMemory(2);
    const [first, other] = networks;
    assert.ok(first && other);
    const lending = lendDevices(keptThreads, other, async () => claims({ host: 'there', same: its }));
    try {
      return await introduceRanks(first, claims({ same }));
    } finally {
      await dismissRanks(first);
      await lending;
      end();
    }
  };
  await assert.rejects(meet({ 'the version of decade': '1' }, { 'the version of decade': '2' }), {
    kind: 'usage',
    message: /rank 1 \(there\): the version of decade: 2; expected as on rank 0 \(here\): 1/,
  });
  await assert.rejects(meet({ 'the contents of a.en': 'x' }, { 'the contents of a.en': 'y' }), /the contents of a.en: other contents/);
  assert.equal((await meet({ 'the contents of a.en': 'x' }, {})).members.length, 2);
});
