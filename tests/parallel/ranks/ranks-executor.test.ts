import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import type { IdPair } from '../../../src/data/batch.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import type { Model } from '../../../src/models/model.js';
import { InitialValues } from '../../../src/nn/parameters.js';
import { DataExecutor } from '../../../src/parallel/data/executor.js';
import { Memories } from '../../../src/parallel/memories.js';
import { dismissRanks, introduceRanks } from '../../../src/parallel/ranks/claims.js';
import { RanksExecutor } from '../../../src/parallel/ranks/executor.js';
import { lendDevices } from '../../../src/parallel/ranks/lend.js';
import type { RankClaims } from '../../../src/parallel/ranks/messages.js';
import type { Precision } from '../../../src/tensor/matrix.js';
import type { NamedValues } from '../../../src/tensor/named-values.js';
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
  consistency: 0,
  seed: 4,
});
const rules = {
  sgd: ruleOf({ kind: 'sgd', learningRate: 0.5 }),
  adam: ruleOf({ kind: 'adam', learningRate: 0.01, weightDecay: 0.01 }),
  'lazy adam': ruleOf({ kind: 'adam', learningRate: 0.01, lazy: true }),
};
const claims = (changes: Partial<RankClaims> = {}): RankClaims => ({ host: 'here', devices: 1, same: { 'the version': '1' }, ...changes });

type Work<Result> = (executor: Executor, model: Model) => Promise<Result>;

/** All learnt values after 20 updates of two micro-batches each. */
function train(rule: UpdateRule): Work<{ values: Map<string, Float32Array>; likelihood: number }> {
  return async (executor, model) => {
    await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
    for (let update = 1; update <= 20; update++) {
      await executor.update([pairs.slice(update % 5, 15), pairs.slice(15)], { update, learningRate: rule.optimizer.learningRate });
    }
    const likelihood = (await executor.evaluate(pairs)).negativeLogLikelihood;
    return { values: await learntBy(executor), likelihood };
  };
}

async function learntBy(executor: Executor): Promise<Map<string, Float32Array>> {
  const { parameters, optimizerState } = await executor.collect();
  const values = new Map<string, Float32Array>();
  for (const named of [parameters, optimizerState]) {
    for (const [name, shape] of named.shapes) {
      const read = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1));
      await named.read(name, 0, read);
      values.set(name, read);
    }
  }
  return values;
}

/** A model, and what becomes of it. */
interface Training<Result> {
  readonly rule: UpdateRule;
  readonly work: Work<Result>;
  readonly sizes?: typeof vocabularies;
  readonly its?: typeof options;
  readonly communication?: Precision;
}

async function onOneProcess<Result>({ rule, work, sizes = vocabularies, its = options }: Training<Result>): Promise<Result> {
  const model = createModel(its, sizes);
  const memories = new Memories(keptThreads);
  const executor = await DataExecutor.start({ runtime: keptThreads, memories, model, modelOptions: its, rule, devices: 1, gemm });
  const result = await work(executor, model);
  await executor.dispose();
  return result;
}

async function onRanks<Result>(
  devices: readonly number[],
  { rule, work, sizes = vocabularies, its = options, communication = 'f32' }: Training<Result>,
): Promise<Result> {
  const { networks, end } = networksInMemory(devices.length);
  const [first, ...others] = networks;
  assert.ok(first);
  const lending = others.map((network) => lendDevices(keptThreads, network, async () => claims()));
  const lent = await introduceRanks(first, claims());
  const model = createModel(its, sizes);
  const common = { runtime: keptThreads, memories: new Memories(keptThreads), model, modelOptions: its, rule, gemm };
  const executor = await RanksExecutor.startOnRanks({ ...common, lent, devices, communication });
  const result = await work(executor, model);
  await executor.dispose();
  await dismissRanks(first);
  await Promise.all(lending);
  end();
  return result;
}

/** Of each value, relative to its norm. */
function differences(values: ReadonlyMap<string, Float32Array>, expected: ReadonlyMap<string, Float32Array>): Map<string, number> {
  const norm = (of: Float32Array) => Math.sqrt(of.reduce((sum, each) => sum + each * each, 0));
  return new Map(
    Array.from(expected, ([name, right]) => {
      const own = values.get(name) ?? new Float32Array();
      return [name, norm(right.map((each, index) => each - (own[index] as number))) / norm(right)];
    }),
  );
}

for (const [name, placements] of [
  ['sgd', [[1, 1, 1]]],
  ['adam', [[2, 1]]],
  ['lazy adam', [[1, 2]]],
] as const) {
  test(`ranks agree with one process, parameters and optimizer: ${name}`, async () => {
    const training = { rule: rules[name], work: train(rules[name]) };
    const alone = await onOneProcess(training);
    for (const devices of placements) {
      const together = await onRanks(devices, training);
      assert.deepEqual([...together.values.keys()], [...alone.values.keys()]);
      for (const [value, difference] of differences(together.values, alone.values)) {
        assert.ok(difference <= 1e-5, `${devices} devices, ${value}: ${difference}`);
      }
      assert.ok(Math.abs(together.likelihood - alone.likelihood) < 1e-4 * alone.likelihood);
    }
  });
}

test('the same ranks give the same bits', async () => {
  const training = { rule: rules.adam, work: train(rules.adam) };
  const [first, second] = [await onRanks([1, 1], training), await onRanks([1, 1], training)];
  assert.deepEqual(first.values, second.values);
});

test('what three ranks have learnt goes over to two, and to one process, bit for bit', async () => {
  const given = await onRanks([1, 2, 1], { rule: rules.adam, work: train(rules.adam) });
  const work: Work<Map<string, Float32Array>> = async (executor) => {
    const { parameters, optimizerState } = await executor.collect();
    const named = ({ shapes }: NamedValues): NamedValues => ({
      shapes,
      requireSame: () => undefined,
      read: async (name, start, target) => target.set((given.values.get(name) ?? target).subarray(start, start + target.length)),
    });
    await executor.distribute({ parameters: named(parameters), optimizerState: named(optimizerState) });
    return learntBy(executor);
  };
  assert.deepEqual(await onRanks([2, 1], { rule: rules.adam, work }), given.values);
  assert.deepEqual(await onOneProcess({ rule: rules.adam, work }), given.values);
});

test('a matrix of more pieces than have places in the wire is learnt as on one process', async () => {
  // Values that cost little to make.
  const initial = ({ parameters: { shapes } }: Model): NamedValues => ({
    shapes,
    requireSame: () => undefined,
    read: async (_, start, target) => {
      for (let index = 0; index < target.length; index++) target[index] = (((start + index) * 37) % 101) / 500 - 0.1;
    },
  });
  const work: Work<Map<string, Float32Array>> = async (executor, model) => {
    await executor.distribute({ parameters: initial(model) });
    // What was sent is to be gone before the next.
    for (const update of [1, 2]) await executor.update([pairs.slice(0, 3)], { update, learningRate: 1 });
    return learntBy(executor);
  };
  // The target's embedding is also the output's: nine pieces.
  const tied = modelOptions.parse({ ...options, attention: undefined, tiedEmbeddings: true });
  const training = { rule: rules.sgd, work, sizes: { source: 40, target: 400_000 }, its: tied };
  const [alone, together] = [await onOneProcess(training), await onRanks([2, 1], training)];
  for (const [name, values] of alone) {
    const other = together.get(name) ?? new Float32Array();
    assert.ok(
      values.every((value, index) => Math.abs(value - (other[index] as number)) <= 1e-5),
      name,
    );
  }
});

test('bf16 between ranks: close to f32, the same bits again, and every rank has the same parameters', async () => {
  const work: Work<{ values: Map<string, Float32Array>; likelihood: number }> = async (executor, model) => {
    const trained = await train(rules.adam)(executor, model);
    // Of a pair and its copy each rank has one.
    for (const pair of pairs) {
      const likelihoods = new Float64Array(2);
      await executor.evaluate([pair, pair], likelihoods);
      assert.equal(likelihoods[0], likelihoods[1]);
    }
    return trained;
  };
  const training = { rule: rules.adam, work };
  const full = await onRanks([1, 1], training);
  const [half, again] = [
    await onRanks([1, 1], { ...training, communication: 'bf16' }),
    await onRanks([1, 1], { ...training, communication: 'bf16' }),
  ];
  assert.deepEqual(again.values, half.values);
  const parameters = Array.from(differences(half.values, full.values)).filter(([name]) => !name.startsWith('adam.'));
  for (const [name, difference] of parameters) assert.ok(difference < 5e-3, `${name}: ${difference}`);
  assert.ok(Math.max(...parameters.map(([, difference]) => difference)) > 1e-6, 'something is rounded');
  assert.ok(Math.abs(half.likelihood - full.likelihood) < 1e-3 * full.likelihood, `${half.likelihood}, ${full.likelihood}`);
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
