import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { IdPair } from '../../src/data/batch.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { LstmModel } from '../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../src/models/lstm/options.js';
import type { Model } from '../../src/models/model.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { TouchedRows } from '../../src/tensor/touched-rows.js';
import type { UpdateRule } from '../../src/training/optimizer-options.js';
import { Replica } from '../../src/training/replica.js';
import { openTestDevice } from '../tensor/devices.js';

const device = await openTestDevice();
after(() => device.matrix.dispose());

const vocabularies = { source: 31, target: 29 };
const rule: UpdateRule = {
  optimizer: { kind: 'sgd', learningRate: 0.1 },
  clip: { kind: 'none' },
  normalise: 'sentences',
  labelSmoothing: 0.1,
  consistency: 0,
  seed: 3,
};

function draw(count: number): IdPair[] {
  return Array.from({ length: count }, (_, key) => {
    const ids = (length: number, stream: number) =>
      Array.from({ length }, (_value, index) => 4 + uniformInteger(randomKey(9, 'sample', key, stream), index, 25));
    return { source: ids(1 + (key % 5), 0), target: ids((key * 7) % 6, 1), key };
  });
}

/** Sum of losses and gradients of these batches. */
function gradientsOf(
  model: Model,
  batches: IdPair[][],
  changes: Partial<UpdateRule> = {},
): { loss: number; logLikelihood: number; gradients: Map<string, number[]> } {
  const replica = new Replica(device, model, { ...rule, ...changes });
  let [loss, logLikelihood] = [0, 0];
  for (const pairs of batches) {
    const result = replica.accumulate(pairs, { update: 5, gradientScale: 1 });
    loss += result.loss;
    logLikelihood -= result.negativeLogLikelihood;
  }
  const gradients = new Map<string, number[]>();
  for (const { parameter, gradient } of replica.gradients) {
    if (gradient instanceof TouchedRows) {
      const values = new Array<number>(parameter.size).fill(0);
      gradient.touched.i32.forEach((id, slot) => {
        gradient.table.rows(slot, slot + 1).f32.forEach((value, column) => {
          values[id * gradient.columns + column] = value;
        });
      });
      gradients.set(parameter.name, values);
    } else gradients.set(parameter.name, Array.from(gradient.f32));
  }
  replica.dispose();
  return { loss, logLikelihood, gradients };
}

/** Pairs as stretches of texts, some of which go on. */
function asText(pairs: IdPair[]): IdPair[] {
  return pairs.map((pair, index) => ({ ...pair, source: [], before: 4 + (index % 3), ends: pair.target.length === 0 || index % 2 === 0 }));
}

const byDistance = { preset: 't5', headWidth: 4, relativeBuckets: 4, relativeDistance: 6, tiedEmbeddings: 'target' };
const transformer = { kind: 'transformer', encoderLayers: 2, decoderLayers: 2, width: 12, heads: 2, feedForward: 16 };
const dropouts = { dropout: 0.2, attentionDropout: 0.3, feedForwardDropout: 0.1 };

interface Example {
  readonly languageModel?: boolean;
  readonly consistency?: number;
  readonly [option: string]: unknown;
}

for (const [name, { languageModel = false, consistency = 0, ...options }] of Object.entries<Example>({
  'the 2014 model': {},
  'dropout, residual, bidirectional': { dropout: 0.3, residual: true, bidirectional: true, layers: 3 },
  'dot attention': { attention: 'dot', dropout: 0.2 },
  'additive attention and input feeding': { attention: 'additive', inputFeeding: true, dropout: 0.2, tiedEmbeddings: true },
  'a language model': { languageModel: true, dropout: 0.2, residual: true },
  'a Transformer': transformer,
  'a Transformer with dropout at three places': { ...transformer, ...dropouts, norm: { place: 'post' } },
  'a Transformer with rotary positions and grouped heads': { ...transformer, ...dropouts, preset: 'llama', keyValueHeads: 1 },
  'a Transformer with biases by distance': { ...transformer, ...dropouts, ...byDistance },
  'a Transformer that goes on with the source': { ...transformer, ...dropouts, encoderLayers: 0, positions: 'learned', maximumLength: 16 },
  'an LSTM that should predict alike under different dropout': { attention: 'dot', dropout: 0.3, consistency: 5 },
  'a Transformer that should predict alike under different dropout': { ...transformer, ...dropouts, consistency: 5 },
  'a language model that should predict alike under different dropout': {
    ...transformer,
    ...dropouts,
    languageModel: true,
    consistency: 5,
  },
  'a language model as GPT-2': {
    ...transformer,
    ...dropouts,
    languageModel: true,
    preset: 'gpt2',
    maximumLength: 8,
    initialDeviation: 0.3,
  },
})) {
  test(`a sentence has the same loss and gradient alone and in any batch: ${name}`, () => {
    const lstm = { kind: 'lstm', hidden: 12, initialRange: 0.3 };
    const model = createModel(modelOptions.parse('kind' in options ? options : { ...lstm, ...options }), {
      ...vocabularies,
      ...(languageModel && { source: undefined }),
    });
    model.parameters.allocate(device.memory);
    model.parameters.initialise(1);
    const pairs = languageModel ? asText(draw(11)) : draw(11);
    const together = gradientsOf(model, [pairs], { consistency });
    const alone = gradientsOf(
      model,
      pairs.map((pair) => [pair]),
      { consistency },
    );
    assert.ok(Math.abs(together.loss - alone.loss) < 1e-5 * together.loss, `${together.loss} ${alone.loss}`);
    const wholeNorm = Math.hypot(...[...together.gradients.values()].map((values) => Math.hypot(...values)));
    for (const [parameter, values] of together.gradients) {
      const other = alone.gradients.get(parameter) ?? [];
      const norm = Math.hypot(...values);
      assert.ok(norm > 0, parameter);
      const difference = Math.hypot(...values.map((value, index) => value - (other[index] as number)));
      // A key's bias hardly changes a softmax: its gradient is a difference of near equals, measured against the whole.
      assert.ok(difference < 1e-5 * Math.max(norm, wholeNorm / 100), `${parameter}: ${difference / norm}`);
    }
    model.parameters.dispose();
  });
}

test('of two walks the loss and the gradient are the mean of both, and what their predictions differ by comes on top', () => {
  const options = { ...transformer, ...dropouts };
  const model = createModel(modelOptions.parse(options), vocabularies);
  model.parameters.allocate(device.memory);
  model.parameters.initialise(1);
  const pairs = draw(11);
  const [first, second] = [rule.seed, randomKey(rule.seed, 'dropout')].map((seed) => gradientsOf(model, [pairs], { seed }));
  const [none, some] = [1e-9, 4].map((consistency) => gradientsOf(model, [pairs], { consistency }));
  assert.ok(first && second && none && some);
  assert.notEqual(first.loss, second.loss);
  assert.ok(Math.abs(none.loss - (first.loss + second.loss) / 2) < 1e-5 * none.loss);
  assert.ok(Math.abs(none.logLikelihood - (first.logLikelihood + second.logLikelihood) / 2) < 1e-5 * -none.logLikelihood);
  for (const [parameter, values] of none.gradients) {
    const mean = values.map(
      (_, index) => (Number(first.gradients.get(parameter)?.[index]) + Number(second.gradients.get(parameter)?.[index])) / 2,
    );
    const difference = Math.hypot(...values.map((value, index) => value - (mean[index] as number)));
    assert.ok(difference < 1e-5 * Math.max(1, Math.hypot(...mean)), `${parameter}: ${difference}`);
  }
  assert.ok(some.loss > none.loss);
  assert.equal(some.logLikelihood, none.logLikelihood);
  model.parameters.dispose();
});

test('dropout changes with the update and the seed, not with the batch', () => {
  const model = new LstmModel(lstmOptions.parse({ kind: 'lstm', hidden: 8, dropout: 0.5, initialRange: 0.5 }), vocabularies);
  model.parameters.allocate(device.memory);
  model.parameters.initialise(1);
  const [pair] = draw(1);
  const losses = [
    [3, 5],
    [3, 6],
    [4, 5],
    [3, 5],
  ].map(([seed = 0, update = 0]) => {
    const replica = new Replica(device, model, { ...rule, seed });
    const { loss } = replica.accumulate(pair === undefined ? [] : [pair], { update, gradientScale: 1 });
    replica.dispose();
    return loss;
  });
  assert.equal(losses[0], losses[3]);
  assert.equal(new Set(losses).size, 3);
  model.parameters.dispose();
});

test('memory is flat over 1,000 updates, on the device and on the JavaScript heap', async () => {
  const { LocalExecutor } = await import('../../src/training/local-executor.js');
  const model = new LstmModel(
    lstmOptions.parse({ kind: 'lstm', hidden: 16, attention: 'dot', dropout: 0.1, initialRange: 0.1 }),
    vocabularies,
  );
  model.parameters.allocate(device.memory);
  model.parameters.initialise(1);
  const executor = new LocalExecutor(device, model, { ...rule, optimizer: { kind: 'sgd', learningRate: 1e-3 } });
  const pairs = draw(16);
  const run = async (from: number, to: number) => {
    for (let update = from; update < to; update++) await executor.update([pairs.slice(update % 8)], { update, learningRate: 1e-3 });
  };
  await run(1, 100);
  const before = { device: device.memory.allocatedBytes, total: device.memory.totalBytes };
  await run(100, 1100);
  assert.deepEqual({ device: device.memory.allocatedBytes, total: device.memory.totalBytes }, before);
  await executor.dispose();
  model.parameters.dispose();
});

test('an update allocates on the JavaScript heap by the batch, not by the model', async () => {
  const { LocalExecutor } = await import('../../src/training/local-executor.js');
  const allocated = async (hidden: number) => {
    const model = new LstmModel(lstmOptions.parse({ kind: 'lstm', hidden }), vocabularies);
    model.parameters.allocate(device.memory);
    const executor = new LocalExecutor(device, model, rule);
    const pairs = draw(8);
    await executor.update([pairs], { update: 1, learningRate: 0 });
    const before = process.memoryUsage();
    for (let update = 2; update < 12; update++) await executor.update([pairs], { update, learningRate: 0 });
    const now = process.memoryUsage();
    await executor.dispose();
    model.parameters.dispose();
    return now.heapUsed + now.external - before.heapUsed - before.external;
  };
  await allocated(8);
  // 256 cells have 1,000 times the parameters of 8: 2 million, 8 MB. Garbage of ten updates must stay far below one copy.
  assert.ok((await allocated(256)) < 4e6);
});

test('views of one memory agree', () => {
  const tensor = new Tensor(device.memory, device.memory.allocate(64).offset, [4]).set([1, 2, 3, 4]);
  assert.deepEqual(tensor.reshape([2, 2]).rows(1, 2).toArray(), [3, 4]);
});
