import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import type { IdPair } from '../../../src/data/batch.js';
import { packBatch } from '../../../src/models/lstm/batch.js';
import { createModel, type ModelOptions, modelOptions } from '../../../src/models/create.js';
import { InitialValues } from '../../../src/nn/parameters.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { Completion, completionBlock } from '../../../src/parallel/pipeline/completion.js';
import { divide } from '../../../src/parallel/data/divide.js';
import { executeTasks } from '../../../src/parallel/pipeline/execute.js';
import { Memories } from '../../../src/parallel/memories.js';
import { networkOf } from '../../../src/parallel/schedule/network.js';
import { PipelineExecutor } from '../../../src/parallel/pipeline/executor.js';
import { type PipelinePlan, updateSchedule } from '../../../src/parallel/schedule/plan.js';
import type { DeviceThread } from '../../../src/parallel/runtime.js';
import type { Task } from '../../../src/parallel/schedule/schedule.js';
import { simulate } from '../../../src/parallel/simulation/simulate.js';
import type { Executor } from '../../../src/training/executor.js';
import { LocalExecutor } from '../../../src/training/local-executor.js';
import type { OptimizerOptions, UpdateRule } from '../../../src/training/optimizer-options.js';
import { kept, parametersOf } from '../../training/collected.js';
import { keptThreads } from '../kept-threads.js';

const vocabularies = { source: 40, target: 35 };
const options = modelOptions.parse({ kind: 'lstm', initialRange: 0.2, hidden: 12, embedding: 10, layers: 3, residual: true, dropout: 0.2 });
const gemm = 'webassembly';

const pairs: IdPair[] = Array.from({ length: 25 }, (_, key) => ({
  key,
  source: Array.from({ length: 1 + (key % 9) }, (_value, index) => 4 + uniformInteger(randomKey(1, 'sample', key), index, 36)),
  target: Array.from({ length: (key * 5) % 8 }, (_value, index) => 4 + uniformInteger(randomKey(2, 'sample', key), index, 31)),
}));

const sgd: OptimizerOptions = { kind: 'sgd', learningRate: 0.5 };
const adam = { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, lazy: false } as const;
const ruleOf = (optimizer: OptimizerOptions): UpdateRule => ({
  optimizer,
  clip: { kind: 'norm', max: 1 },
  normalise: 'tokens',
  labelSmoothing: 0.1,
  consistency: 0,
  seed: 4,
});

const diagonal = { order: 'diagonal', stretch: 2, microBatches: 1, softmax: 'as needed' } as const;
const slice = (device: number, from: number, to: number) => ({ device, from, to });
/** One device to more than there are cores; layers and slices together and apart. */
const plans: { [name: string]: PipelinePlan } = {
  'all on one device, step by step': {
    placement: { devices: 1, layers: [0, 0, 0], vocabulary: [slice(0, 0, 35)] },
    ...diagonal,
    stretch: 1,
  },
  'layers on one device, the softmax on another': {
    placement: { devices: 2, layers: [0, 0, 0], vocabulary: [slice(1, 0, 35)] },
    ...diagonal,
  },
  'three devices with layers, the vocabulary on two of them, its softmax as it comes': {
    placement: { devices: 3, layers: [0, 1, 2], vocabulary: [slice(0, 0, 20), slice(1, 20, 35)] },
    ...diagonal,
    softmax: 'as they come',
  },
  'the paper: a device a layer, and two for the softmax': {
    placement: { devices: 5, layers: [0, 1, 2], vocabulary: [slice(3, 0, 17), slice(4, 17, 35)] },
    ...diagonal,
    stretch: 3,
  },
  'micro-batches as in GPipe': {
    placement: { devices: 2, layers: [0, 0, 1], vocabulary: [slice(0, 0, 10), slice(1, 10, 35)] },
    order: 'gpipe',
    microBatches: 3,
    softmax: 'as they come',
  },
  'micro-batches, one forward, one backward': {
    placement: { devices: 4, layers: [0, 1, 2], vocabulary: [slice(3, 0, 35)] },
    order: '1f1b',
    microBatches: 4,
    softmax: 'as needed',
  },
};

async function start(
  plan: PipelinePlan | undefined,
  rule: UpdateRule,
  runtime = keptThreads,
  given: ModelOptions = options,
): Promise<Executor> {
  const memories = new Memories(nodeRuntime);
  const model = createModel(given, vocabularies);
  let executor: Executor;
  if (plan === undefined) {
    const device = await nodeRuntime.openDevice(memories.withRoom(0), { gemm });
    model.parameters.allocate(device.memory);
    executor = new LocalExecutor(device, model, rule);
  } else executor = await PipelineExecutor.start({ runtime, memories, model, modelOptions: given, rule, plan, gemm });
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  return executor;
}

const microBatchesOf = (update: number) => [pairs.slice(update % 5, 15), pairs.slice(15)];

async function updates(executor: Executor, from: number, to: number, rule: UpdateRule) {
  let loss = 0;
  for (let update = from; update <= to; update++) {
    const result = await executor.update(microBatchesOf(update), { update, learningRate: rule.optimizer.learningRate });
    assert.ok(result.finite);
    loss = result.loss;
  }
  return loss;
}

/** Parameters after 3 updates of two batches each, and what the model then says of every pair. */
async function train(plan: PipelinePlan | undefined, rule: UpdateRule) {
  const executor = await start(plan, rule);
  const loss = await updates(executor, 1, 3, rule);
  const logProbabilities = new Float64Array(pairs.length);
  const evaluation = await executor.evaluate(pairs, logProbabilities);
  const parameters = await parametersOf(executor);
  await executor.dispose();
  return { loss, parameters, logProbabilities, evaluation };
}

const alone = new Map<string, ReturnType<typeof train>>();
for (const [name, plan] of Object.entries(plans)) {
  test(`a pipeline agrees with this thread alone: ${name}`, async () => {
    for (const rule of [sgd, adam].map(ruleOf)) {
      const { kind } = rule.optimizer;
      const expected = await (alone.get(kind) ?? alone.set(kind, train(undefined, rule)).get(kind));
      assert.ok(expected);
      const actual = await train(plan, rule);
      for (const [parameter, values] of expected.parameters) {
        const other = actual.parameters.get(parameter) ?? new Float32Array();
        const difference = Math.hypot(...values.map((value, index) => value - (other[index] as number))) / Math.hypot(...values);
        assert.ok(difference < 1e-5, `${kind}, ${parameter}: ${difference}`);
      }
      assert.ok(Math.abs(actual.loss - expected.loss) < 1e-5 * expected.loss);
      assert.ok(Math.abs(actual.evaluation.negativeLogLikelihood - expected.evaluation.negativeLogLikelihood) < 1e-3);
      assert.deepEqual({ ...actual.evaluation, negativeLogLikelihood: 0 }, { ...expected.evaluation, negativeLogLikelihood: 0 });
      for (const [index, value] of expected.logProbabilities.entries()) {
        assert.ok(Math.abs(value - (actual.logProbabilities[index] as number)) < 1e-4 * Math.abs(value));
      }
    }
  });
}

const byLayers = plans['the paper: a device a layer, and two for the softmax'] as PipelinePlan;

test('the same plan gives the same bits twice, and after a resume', async () => {
  const rule = ruleOf(adam);
  const runs: Map<string, Float32Array>[] = [];
  for (const _ of [1, 2]) {
    const executor = await start(byLayers, rule);
    await updates(executor, 1, 4, rule);
    runs.push(await parametersOf(executor));
    await executor.dispose();
  }
  const interrupted = await start(byLayers, rule);
  await updates(interrupted, 1, 2, rule);
  const { parameters, optimizerState } = await interrupted.collect();
  const saved = { parameters: await kept(parameters), optimizerState: await kept(optimizerState) };
  await interrupted.dispose();
  const resumed = await start(byLayers, rule);
  await resumed.distribute(saved);
  await updates(resumed, 3, 4, rule);
  const [first, second] = runs;
  assert.deepEqual(second, first);
  assert.deepEqual(await parametersOf(resumed), first);
  await resumed.dispose();
});

test('one forward, one backward keeps no more micro-batches than there are devices', async () => {
  const rule = ruleOf(sgd);
  const given = modelOptions.parse({ kind: 'lstm', initialRange: 0.1, hidden: 48, layers: 2 });
  const ids = Array.from({ length: 20 }, (_, index) => 4 + index);
  const batch = Array.from({ length: 48 }, (_, key) => ({ key, source: ids, target: ids.slice(1) }));
  const grown = { gpipe: 0, '1f1b': 0 };
  const parameters: Map<string, Float32Array>[] = [];
  for (const order of ['gpipe', '1f1b'] as const) {
    const memories = new Memories(nodeRuntime);
    const memory = memories.withRoom(0);
    const model = createModel(given, vocabularies);
    const placement = { devices: 2, layers: [0, 1], vocabulary: [slice(0, 0, 15), slice(1, 15, 35)] };
    const plan: PipelinePlan = { placement, order, microBatches: 16, softmax: 'as they come' };
    const executor = await PipelineExecutor.start({ runtime: keptThreads, memories, model, modelOptions: given, rule, plan, gemm });
    await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
    const before = memory.totalBytes;
    for (const update of [1, 2]) await executor.update([batch], { update, learningRate: 0.1 });
    grown[order] = memory.totalBytes - before;
    parameters.push(await parametersOf(executor));
    await executor.dispose();
  }
  assert.ok(grown['1f1b'] < grown.gpipe / 2, `${grown['1f1b']} and ${grown.gpipe} bytes`);
  const [first, second] = parameters;
  for (const [name, values] of first ?? []) {
    const difference = Math.max(...values.map((value, index) => Math.abs(value - (second?.get(name)?.[index] as number))));
    assert.ok(difference < 1e-6, `${name}: ${difference}`);
  }
});

test('tensors have the names that every other strategy gives them', async () => {
  const executors = [await start(undefined, ruleOf(adam)), await start(byLayers, ruleOf(adam))];
  const [alone, pipelined] = await Promise.all(executors.map((executor) => executor.collect()));
  assert.deepEqual([...(pipelined?.parameters.shapes ?? [])], [...(alone?.parameters.shapes ?? [])]);
  assert.deepEqual([...(pipelined?.optimizerState.shapes ?? [])], [...(alone?.optimizerState.shapes ?? [])]);
  await Promise.all(executors.map((executor) => executor.dispose()));
});

test('a device that dies ends the update with a clear error, and nothing hangs', async () => {
  const threads: DeviceThread[] = [];
  let failure: ((reason: string) => void) | undefined;
  let isDeaf = false;
  const startThread = (): DeviceThread => {
    const thread = nodeRuntime.startThread();
    const number = threads.push(thread) - 1;
    return {
      ...thread,
      // Device 1 never sees the update: the others wait for its layer.
      post: (message) => (isDeaf && number === 1 ? undefined : thread.post(message)),
      listen: (handlers) => {
        if (number === 1) failure = handlers.failure;
        thread.listen(handlers);
      },
    };
  };
  const executor = await start(byLayers, ruleOf(sgd), { ...nodeRuntime, startThread });
  isDeaf = true;
  const update = executor.update([pairs], { update: 1, learningRate: 0.1 });
  await threads[1]?.terminate();
  failure?.('its thread ended unexpectedly');
  await assert.rejects(update, /device 1: its thread ended unexpectedly.*--resume/);
  await assert.rejects(executor.update([pairs], { update: 2, learningRate: 0.1 }), /device/);
  await executor.dispose();
});

test('what ties layers together is refused before a thread is started', async () => {
  const runtime = { ...nodeRuntime, startThread: () => assert.fail('a thread was started') };
  for (const [option, reason] of [
    [{ bidirectional: true }, /model\.bidirectional: true, which must read a whole sentence.*strategy=data/],
    [{ attention: 'dot', inputFeeding: true }, /model\.inputFeeding: true, which allows no layer to start/],
    [{ attention: 'additive' }, /model\.attention: additive, which needs the whole source/],
    [{ embedding: 12, tiedEmbeddings: true }, /model\.tiedEmbeddings: true, which the first layer and every slice/],
  ] as const) {
    const given = modelOptions.parse({ kind: 'lstm', initialRange: 0.2, hidden: 12, layers: 3, ...option });
    await assert.rejects(start(byLayers, ruleOf(sgd), runtime, given), reason);
  }
});

test('devices and the simulator execute the same tasks in the same order', async () => {
  const network = networkOf(createModel(options, vocabularies), sgd);
  for (const plan of Object.values(plans)) {
    const { devices } = plan.placement;
    const shapes = divide(pairs, plan.microBatches, { source: 1, target: 1 }).map((positions) => {
      const { source, target } = packBatch(
        positions.map((position) => pairs[position] as IdPair),
        false,
      );
      return { source: [...source.layout.active], target: [...target.layout.active] };
    });
    const schedule = updateSchedule(network, plan, shapes);
    const simulated = simulate(schedule, {
      seconds: ({ operations }) => 1 + operations,
      handOver: { latency: 1, bytesPerSecond: 1e3, blocking: false },
    });
    const completion = new Completion(completionBlock(devices), devices);
    const executed = Array.from({ length: devices }, (): Task[] => []);
    // The devices one after the other on this thread: nobody else could end what a device waits for.
    for (let device = 0; device < devices; device++) {
      for (let other = 0; other < devices; other++) {
        for (const _ of other === device ? [] : (schedule.orders[other] ?? [])) completion.raise(other);
      }
      const ended = Int32Array.from({ length: devices }, () => 0);
      executeTasks(schedule, device, completion, ended, (task) => executed[device]?.push(task));
      assert.deepEqual(
        Array.from(ended),
        schedule.orders.map((order) => order.length),
      );
    }
    assert.deepEqual(
      executed,
      simulated.spans.map((of) => of.map(({ task }) => task)),
    );
  }
});
