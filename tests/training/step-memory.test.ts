import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { IdPair } from '../../src/data/batch.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { Scope } from '../../src/tensor/device.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Arena, Memory } from '../../src/tensor/memory.js';
import { Tape } from '../../src/tensor/tape.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import { StepMemory, stepBytes, stepLimit } from '../../src/training/step-memory.js';
import { trainingPass } from '../../src/training/walks.js';

const vocabularies = { source: 50, target: 60 };
const once = { consistency: 0 };
const pairs: IdPair[] = Array.from({ length: 24 }, (_, key) => ({
  key,
  source: Array.from({ length: 1 + (key % 9) }, (_value, index) => uniformInteger(randomKey(1, 'sample', key), index, 50)),
  target: Array.from({ length: (key * 5) % 8 }, (_value, index) => uniformInteger(randomKey(2, 'sample', key), index, 60)),
}));
const variants: { readonly [name: string]: { readonly consistency?: number; readonly [option: string]: unknown } } = {
  plain: {},
  'dot attention, dropout, both directions': { attention: 'dot', dropout: 0.3, bidirectional: true },
  'additive attention, input feeding, residual': { attention: 'additive', inputFeeding: true, residual: true, layers: 3 },
  'tied embeddings': { tiedEmbeddings: true },
  'dropout, two walks': { dropout: 0.3, consistency: 5 },
};

async function modelIn(memory: Memory, options: object, hidden: number) {
  const kernels = await loadKernels(memory);
  const model = createModel(modelOptions.parse({ kind: 'lstm', initialRange: 0.1, hidden, ...options }), vocabularies);
  model.parameters.allocate(memory);
  model.parameters.initialise(1);
  return { model, device: { memory, kernels, matrix: webAssemblyProvider(memory, kernels) } };
}

for (const [name, { consistency = 0, ...options }] of Object.entries(variants)) {
  test(`a rehearsal finds the very room that a step takes: ${name}`, async () => {
    const memory = new Memory({ shared: false });
    const { model, device } = await modelIn(memory, options, 16);
    const bytes = stepBytes(model, memory, pairs, { consistency });
    for (const [reserved, suffices] of [
      [bytes, true],
      [bytes - 64, false],
    ] as const) {
      const arena = new Arena(memory);
      arena.reserve(reserved);
      const gradients = Array.from(model.parameters, ({ value, shape }) => ({
        value,
        gradient: new Scope(device, new Arena(memory)).zeros(shape),
      }));
      const tape = new Tape(new Scope(device, arena), gradients);
      model.loss(trainingPass(model, tape, { seed: 1, consistency }, 1), pairs, { smoothing: 0, gradientScale: 1 });
      tape.backward();
      assert.equal(arena.capacityBytes === reserved, suffices);
    }
  });
}

test('a batch that does not fit into the memory is divided, with the same result', async () => {
  const rule = {
    optimizer: { kind: 'sgd', learningRate: 0.5 },
    clip: { kind: 'none' },
    normalise: 'tokens',
    labelSmoothing: 0.1,
    consistency: 0,
    seed: 1,
  } as const;
  const results = await Promise.all(
    [64, 5.6].map(async (mebibytes) => {
      const { model, device } = await modelIn(new Memory({ shared: false, maximumBytes: mebibytes * 1024 ** 2 }), { attention: 'dot' }, 64);
      const executor = new LocalExecutor(device, model, rule);
      const updated = await executor.update([pairs], { update: 1, learningRate: 0.5 });
      const logProbabilities = new Float64Array(pairs.length);
      const evaluated = await executor.evaluate(pairs, logProbabilities);
      const divided = [...new StepMemory(new Arena(device.memory), model, rule).batches(pairs)];
      return { updated, evaluated, logProbabilities, divided };
    }),
  );
  const [roomy, tight] = results;
  assert.ok(roomy !== undefined && tight !== undefined);
  assert.equal(roomy.divided.length, 1);
  assert.ok(tight.divided.length > 1);
  assert.deepEqual(
    tight.divided.flatMap(({ positions }) => positions).sort((a, b) => a - b),
    [...pairs.keys()],
  );
  const near = (left: number, right: number) => assert.ok(Math.abs(left - right) < 1e-5 * Math.abs(right), `${left}, ${right}`);
  for (const key of ['loss', 'sentences', 'sourceTokens', 'targetTokens', 'gradientNorm'] as const)
    near(tight.updated[key], roomy.updated[key]);
  near(tight.evaluated.negativeLogLikelihood, roomy.evaluated.negativeLogLikelihood);
  for (const [index, value] of tight.logProbabilities.entries()) near(value, roomy.logProbabilities[index] as number);
});

test('a step takes no room that the values of the optimizer need', async () => {
  const memory = new Memory({ shared: false, maximumBytes: 48 * 1024 ** 2 });
  const { model, device } = await modelIn(memory, {}, 256);
  const remaining = memory.remainingBytes - 3 * 4 * model.parameters.count;
  const many = Array.from({ length: 500 }, (_, key): IdPair => ({ key, source: [7, 8, 9], target: [7, 8, 9] }));
  assert.ok(stepBytes(model, memory, many, once) > remaining, 'with a gradient and two moments it does not fit');
  const executor = new LocalExecutor(device, model, {
    optimizer: { kind: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, lazy: false },
    clip: { kind: 'none' },
    normalise: 'tokens',
    labelSmoothing: 0,
    consistency: 0,
    seed: 1,
  });
  const { sentences } = await executor.update([many], { update: 1, learningRate: 0.001 });
  assert.equal(sentences, 500);
});

test('a large step is divided where parts are as fast: of a Transformer, unless they would be small', () => {
  const batches = (options: object, sentences: number, length: number, targetLength = length - 1) => {
    const memory = new Memory({ shared: false });
    const model = createModel(modelOptions.parse(options), { source: 300, target: 300 });
    model.parameters.attach(memory, Object.fromEntries(Array.from(model.parameters, ({ name }) => [name, 0])));
    const ids = Array.from({ length }, (_, index) => index);
    const all = Array.from({ length: sentences }, (_, key): IdPair => ({ key, source: ids, target: ids.slice(0, targetLength) }));
    const bytes = stepBytes(model, memory, all, once);
    assert.ok(bytes > 192 * 1024 ** 2, `${bytes}`);
    const stepMemory = new StepMemory(new Arena(memory), model, once);
    const lengths = () => Array.from(stepMemory.batches(all), ({ pairs }) => pairs.length);
    const first = lengths();
    for (const count of [3, sentences / 2]) for (const { pairs } of stepMemory.batches(all.slice(0, count))) assert.ok(pairs.length > 0);
    assert.deepEqual(lengths(), first, 'whatever came between, as in a run that is resumed');
    return first;
  };
  const layers = { encoderLayers: 1, decoderLayers: 1, width: 128, heads: 4, feedForward: 2048 };
  assert.deepEqual(batches({ kind: 'transformer', ...layers }, 200, 50), [50, 50, 50, 50]);
  assert.deepEqual(batches({ kind: 'transformer', ...layers, decoderLayers: 6, feedForward: 16_384 }, 50, 10), [50]);
  assert.deepEqual(batches({ kind: 'lstm', layers: 1, hidden: 512 }, 200, 50), [200]);
  const longSources = { kind: 'transformer', ...layers, encoderLayers: 6, feedForward: 16_384 };
  assert.deepEqual(batches(longSources, 4, 300, 3), [1, 1, 1, 1], 'rows of an encoder count as well');
});

test('devices whose first batches were small have room for the largest that are allowed, whatever came between', async () => {
  const maximumBytes = 256 * 1024 ** 2;
  const { model, device } = await modelIn(new Memory({ shared: true, maximumBytes }), {}, 64);
  const devices = [0, 1].map(() => {
    // As in a thread of its own: what one frees the other cannot have.
    const arena = new Arena(new Memory({ shared: true, maximumBytes, existing: device.memory.webAssembly }));
    return { arena, memory: new StepMemory(arena, model, once) };
  });
  for (const { memory } of devices) memory.share(devices.length);
  const limit = stepLimit(device.memory.remainingBytes, devices.length);
  const many = (count: number): IdPair[] => Array.from({ length: count }, (_, key) => ({ key, source: [7, 8, 9], target: [7, 8, 9] }));
  const bytesOf = (count: number) => stepBytes(model, device.memory, many(count), once);
  const largest = [...Array(6_000).keys()].findLast((count) => count > 0 && count % 250 === 0 && bytesOf(count) <= limit) ?? 0;
  assert.ok(largest >= 2_000, `${largest}`);
  for (const count of [1, 2, 5, 12, 30, 80, 200, 500, 1_250, largest]) {
    for (const { arena, memory } of devices) {
      const batches = [...memory.batches(many(count))];
      assert.equal(batches.length, 1, `${count}`);
      assert.ok(arena.capacityBytes >= bytesOf(count));
    }
  }
  assert.ok([...(devices[0]?.memory.batches(many(2 * largest)) ?? [])].length > 1);
});

test('translations between updates have the room of the steps, and the next step has it again', async () => {
  const maximumBytes = 64 * 1024 ** 2;
  const { model, device } = await modelIn(new Memory({ shared: false, maximumBytes }), {}, 16);
  const rule = {
    optimizer: { kind: 'sgd', learningRate: 0.5 },
    clip: { kind: 'none' },
    normalise: 'tokens',
    labelSmoothing: 0,
    consistency: 0,
    seed: 1,
  } as const;
  const executor = new LocalExecutor(device, model, rule);
  const losses: number[] = [];
  for (const update of [1, 2]) {
    losses.push((await executor.update([pairs], { update, learningRate: 0.5 })).loss);
    const held = device.memory.allocatedBytes;
    const decoding = await executor.decoding();
    assert.ok(held - device.memory.allocatedBytes >= stepBytes(model, device.memory, pairs, once));
    assert.equal((await decoding.decoderFor(1)).devices, 1);
    await decoding.dispose();
  }
  assert.ok((losses[1] ?? Number.NaN) < (losses[0] ?? Number.NaN), `${losses}`);
});

test('a step has the room it needs where others have taken a place within the room of steps', async () => {
  const memory = new Memory({ shared: false, maximumBytes: 64 * 1024 ** 2 });
  const { model } = await modelIn(memory, {}, 16);
  const stepMemory = new StepMemory(new Arena(memory), model, once);
  const many = Array.from({ length: 2_000 }, (_, key): IdPair => ({ key, source: [7, 8, 9], target: [7, 8, 9] }));
  const step = () => Array.from(stepMemory.batches(many), ({ positions }) => positions.length);
  const before = step();
  stepMemory.release();
  memory.allocate(8 * 1024 ** 2);
  memory.allocate(8 * 1024 ** 2);
  assert.deepEqual(step(), before);
});
