import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { IdPair } from '../../src/data/batch.js';
import { createModel, type ModelOptions, modelOptions } from '../../src/models/create.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { DataExecutor } from '../../src/parallel/data/executor.js';
import { divide } from '../../src/parallel/data/divide.js';
import { Memories } from '../../src/parallel/memories.js';
import type { DeviceThread } from '../../src/parallel/runtime.js';
import type { Executor } from '../../src/training/executor.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import type { OptimizerOptions, UpdateRule } from '../../src/training/optimizer-options.js';
import { parametersOf } from '../training/collected.js';
import { keptThreads } from './kept-threads.js';

const vocabularies = { source: 40, target: 35 };
const lstm = { kind: 'lstm', initialRange: 0.2, hidden: 24, dropout: 0.2 };
const pairOptions = modelOptions.parse({ ...lstm, attention: 'dot' });
const gemm = 'webassembly';

const pairs: IdPair[] = Array.from({ length: 25 }, (_, key) => ({
  key,
  source: Array.from({ length: 1 + (key % 9) }, (_value, index) => 4 + uniformInteger(randomKey(1, 'sample', key), index, 36)),
  target: Array.from({ length: (key * 5) % 8 }, (_value, index) => 4 + uniformInteger(randomKey(2, 'sample', key), index, 31)),
}));

const rules: { [name: string]: UpdateRule } = Object.fromEntries(
  (
    [
      { kind: 'sgd', learningRate: 0.5 },
      { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, lazy: false },
      { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, lazy: true },
    ] satisfies OptimizerOptions[]
  ).map((optimizer) => [
    `${optimizer.kind}${'lazy' in optimizer && optimizer.lazy ? ' lazy' : ''}`,
    { optimizer, clip: { kind: 'norm', max: 1 }, normalise: 'tokens', labelSmoothing: 0.1, consistency: 0, seed: 4 } satisfies UpdateRule,
  ]),
);

/** The pairs as stretches of text, for a language model. */
const stretches = pairs.map((pair, index) => ({
  ...pair,
  source: [],
  before: 4 + (index % 9),
  ends: pair.target.length === 0 || index % 3 > 0,
}));

/** What is trained, and on what. */
interface Network {
  readonly options: ModelOptions;
  readonly languageModel?: boolean;
}

const small = { kind: 'transformer', encoderLayers: 2, decoderLayers: 2, width: 16, heads: 2, dropout: 0.2 } as const;
const networks = {
  lstm: { options: pairOptions },
  'LSTM language model': { options: modelOptions.parse(lstm), languageModel: true },
  Transformer: { options: modelOptions.parse({ ...small, attentionDropout: 0.1, feedForwardDropout: 0.1 }) },
  'Transformer with biases by distance': {
    options: modelOptions.parse({ ...small, preset: 't5', headWidth: 6, tiedEmbeddings: 'target' }),
  },
  'Transformer that goes on with the source': { options: modelOptions.parse({ ...small, preset: 'llama', encoderLayers: 0 }) },
  'Transformer language model': { options: modelOptions.parse({ ...small, preset: 'llama', keyValueHeads: 1 }), languageModel: true },
} as const satisfies { readonly [name: string]: Network };

async function start(devices: number, rule: UpdateRule, { options, languageModel = false }: Network): Promise<Executor> {
  const model = createModel(options, languageModel ? { target: vocabularies.target } : vocabularies);
  const memories = new Memories(nodeRuntime);
  let executor: Executor;
  if (devices === 0) {
    const device = await nodeRuntime.openDevice(memories.withRoom(0), { gemm });
    model.parameters.allocate(device.memory);
    executor = new LocalExecutor(device, model, rule);
  } else executor = await DataExecutor.start({ runtime: keptThreads, memories, model, modelOptions: options, rule, devices, gemm });
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  return executor;
}

/** Parameters after 4 updates of two micro-batches each, and the last result. */
async function train(devices: number, rule: UpdateRule, network: Network) {
  const executor = await start(devices, rule, network);
  const examples = network.languageModel ? stretches : pairs;
  let last = 0;
  for (let update = 1; update <= 4; update++) {
    const result = await executor.update([examples.slice(update % 5, 15), examples.slice(15)], {
      update,
      learningRate: rule.optimizer.learningRate,
    });
    last = result.loss;
  }
  const logProbabilities = new Float64Array(pairs.length);
  await executor.evaluate(examples, logProbabilities);
  const parameters = await parametersOf(executor);
  await executor.dispose();
  return { last, parameters, logProbabilities };
}

const [sgd, adam, lazy] = Object.values(rules) as [UpdateRule, UpdateRule, UpdateRule];
const consistent: UpdateRule = { ...sgd, consistency: 3 };
// Of a Transformer with biases only SGD tells the same: the gradient of a key's bias is rounding, which Adam makes as large as others.
const cases: [name: keyof typeof networks, rule: UpdateRule][] = [
  ['lstm', sgd],
  ['lstm', adam],
  ['lstm', lazy],
  ['LSTM language model', adam],
  ['Transformer', sgd],
  ['Transformer', consistent],
  ['Transformer that goes on with the source', adam],
  ['Transformer language model', adam],
];
for (const [name, rule] of cases) {
  const { kind } = rule.optimizer;
  test(`any number of devices agrees with this thread alone: ${name}, ${rule === lazy ? 'lazy ' : ''}${kind}${rule === consistent ? ', two walks' : ''}`, async () => {
    const network = networks[name];
    const alone = await train(0, rule, network);
    for (const devices of [1, 2, 3]) {
      const together = await train(devices, rule, network);
      for (const [parameter, values] of alone.parameters) {
        const other = together.parameters.get(parameter) ?? new Float32Array();
        const difference = Math.hypot(...values.map((value, index) => value - (other[index] as number)));
        assert.ok(difference < 1e-5 * Math.hypot(...values), `${devices} devices, ${parameter}: ${difference / Math.hypot(...values)}`);
      }
      assert.ok(Math.abs(together.last - alone.last) < 1e-4 * alone.last);
      for (const [index, value] of alone.logProbabilities.entries()) {
        assert.ok(Math.abs(value - (together.logProbabilities[index] as number)) < 1e-3 * Math.abs(value));
      }
    }
  });
}

test('two devices give the same bits twice', async () => {
  const rule = rules.sgd as UpdateRule;
  const [first, second] = [await train(2, rule, networks.lstm), await train(2, rule, networks.lstm)];
  assert.deepEqual(first.parameters, second.parameters);
});

test('a device that dies ends the update with a clear error, and nothing hangs', async () => {
  const model = createModel(pairOptions, vocabularies);
  const threads: DeviceThread[] = [];
  let deaf = false;
  const runtime = {
    ...nodeRuntime,
    startThread() {
      const thread = nodeRuntime.startThread();
      threads.push(thread);
      return { ...thread, post: (message: unknown) => (deaf && threads[1] === thread ? undefined : thread.post(message)) };
    },
  };
  let failure: ((reason: string) => void) | undefined;
  const start = runtime.startThread;
  runtime.startThread = () => {
    const thread = start();
    return {
      ...thread,
      listen: (handlers) => {
        if (threads.length === 2) failure = handlers.failure;
        thread.listen(handlers);
      },
    };
  };
  const executor = await DataExecutor.start({
    runtime,
    memories: new Memories(nodeRuntime),
    model,
    modelOptions: pairOptions,
    rule: rules.sgd as UpdateRule,
    devices: 2,
    gemm,
  });
  deaf = true; // Device 1 never sees the update: device 0 waits for it at the barrier.
  const update = executor.update([pairs], { update: 1, learningRate: 0.1 });
  await threads[1]?.terminate();
  failure?.('its thread ended unexpectedly');
  await assert.rejects(update, /device 1: its thread ended unexpectedly.*--resume/);
  await assert.rejects(executor.update([pairs], { update: 2, learningRate: 0.1 }), /device/);
  await executor.dispose();
});

test('a batch is divided by work', () => {
  const shards = divide(pairs, 2, { source: 1, target: 3 });
  const work = shards.map((positions) =>
    positions.reduce((sum, position) => {
      const { source, target } = pairs[position] as IdPair;
      return sum + source.length + 3 * (target.length + 1);
    }, 0),
  );
  assert.deepEqual(
    shards.flat().sort((a, b) => a - b),
    Array.from(pairs.keys()),
  );
  assert.ok(Math.abs((work[0] as number) - (work[1] as number)) <= 3, `${work}`);
});
