import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import type { IdPair } from '../../../src/data/batch.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { InitialValues } from '../../../src/nn/parameters.js';
import { Memories } from '../../../src/parallel/memories.js';
import { PipelineExecutor } from '../../../src/parallel/pipeline/executor.js';
import { train } from '../../../src/parallel/train.js';
import type { PipelinePlan } from '../../../src/parallel/schedule/plan.js';
import { Memory } from '../../../src/tensor/memory.js';
import type { UpdateRule } from '../../../src/training/optimizer-options.js';
import type { ConfigurationInput } from '../../../src/training/configuration.js';
import type { TrainingEvent } from '../../../src/training/events.js';
import { copied, kept } from '../../training/collected.js';
import { digitFiles } from '../../training/tiny-run.js';
import { keptThreads } from '../kept-threads.js';

const mebibyte = 1024 ** 2;
const vocabularies = { source: 600, target: 500 };
/** With gradients and Adam's values 4 MiB per layer, the embeddings as much again. */
const options = modelOptions.parse({ kind: 'lstm', initialRange: 0.2, hidden: 128, layers: 2, dropout: 0.2 });
const rule: UpdateRule = {
  optimizer: { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, lazy: false },
  clip: { kind: 'norm', max: 1 },
  normalise: 'tokens',
  labelSmoothing: 0.1,
  consistency: 0,
  seed: 4,
};
const plan: PipelinePlan = {
  placement: {
    devices: 4,
    layers: [0, 1],
    vocabulary: [
      { device: 2, from: 0, to: 200 },
      { device: 3, from: 200, to: 500 },
    ],
  },
  order: 'diagonal',
  stretch: 2,
  microBatches: 1,
  softmax: 'as needed',
};
const pairs: IdPair[] = Array.from({ length: 12 }, (_, key) => ({
  key,
  source: Array.from({ length: 1 + (key % 5) }, (_value, index) => 4 + uniformInteger(randomKey(1, 'sample', key), index, 590)),
  target: Array.from({ length: (key * 5) % 6 }, (_value, index) => 4 + uniformInteger(randomKey(2, 'sample', key), index, 490)),
}));

/** A pipeline whose memories have so many bytes, and how many of them it has. */
async function start(maximumBytes: number) {
  const made: Memory[] = [];
  const newMemory = () => {
    const memory = new Memory({ shared: true, maximumBytes });
    made.push(memory);
    return memory;
  };
  const runtime = { ...keptThreads, newMemory, releaseMemory: async () => undefined };
  const model = createModel(options, vocabularies);
  const memories = new Memories(runtime);
  const executor = await PipelineExecutor.start({ runtime, memories, model, modelOptions: options, rule, plan, gemm: 'webassembly' });
  await executor.distribute({ parameters: new InitialValues(model.parameters, 1) });
  return { executor, memories: made.length };
}

async function update(executor: PipelineExecutor, from: number, to: number) {
  for (let number = from; number <= to; number++) {
    const { finite } = await executor.update([pairs], { update: number, learningRate: 0.01 });
    assert.ok(finite);
  }
}

/** What is learnt, what the model says of every pair, and what it finds for one. */
async function judged(executor: PipelineExecutor) {
  const logProbabilities = new Float64Array(pairs.length);
  await executor.evaluate(pairs, logProbabilities);
  const decoding = await executor.decoding();
  const [found] = await (await decoding.decoderFor(1)).search([{ source: [4, 5, 6] }], {
    beam: 3,
    beamWidth: 'shrinking',
    stopping: 'exact',
    nbest: 2,
    lengthPenalty: { kind: 'power', alpha: 1 },
    maximumLength: 6,
    minimumLength: 0,
    forbidRepeats: 0,
    forbidUnknown: false,
    attention: false,
  });
  await decoding.dispose();
  const { parameters, optimizerState } = await executor.collect();
  return { parameters: await copied(parameters), optimizerState: await copied(optimizerState), logProbabilities, found };
}

const roomy = 256 * mebibyte;
/** Room for each device, but not for two of those with a layer. */
const narrow = 18 * mebibyte;

test('devices in memories of their own train, are judged and decode as in one, bit for bit', async () => {
  const results = [];
  for (const bytes of [roomy, narrow]) {
    const { executor, memories } = await start(bytes);
    assert.equal(memories, bytes === roomy ? 1 : 3);
    await update(executor, 1, 4);
    const before = await judged(executor);
    // What was decoded with is given back: training goes on.
    await update(executor, 5, 6);
    results.push([before, await judged(executor)]);
    await executor.dispose();
  }
  assert.deepEqual(results[1], results[0]);
});

test('values collected from memories of their own go on in one, bit for bit', async () => {
  const whole = await start(roomy);
  await update(whole.executor, 1, 6);
  const first = await start(narrow);
  await update(first.executor, 1, 3);
  const { parameters, optimizerState } = await first.executor.collect();
  const saved = { parameters: await kept(parameters), optimizerState: await kept(optimizerState) };
  await first.executor.dispose();
  for (const bytes of [roomy, narrow]) {
    const { executor } = await start(bytes);
    await executor.distribute(saved);
    await update(executor, 4, 6);
    assert.deepEqual(await judged(executor), await judged(whole.executor));
    await executor.dispose();
  }
  await whole.executor.dispose();
});

test('a device whose part does not fit into a memory is refused before a thread is started', async () => {
  const startThread = () => assert.fail('a thread was started');
  const newMemory = () => new Memory({ shared: true, maximumBytes: 8 * mebibyte });
  const runtime = { ...keptThreads, startThread, newMemory };
  const model = createModel(options, vocabularies);
  await assert.rejects(
    PipelineExecutor.start({ runtime, memories: new Memories(runtime), model, modelOptions: options, rule, plan }),
    /device 0 of 4: \d+\.\d MiB of parameters.*at most 7\.\d MiB.*more devices/,
  );
});

test('a run that is stopped and resumed in memories of their own ends as one in one memory', async () => {
  const files = digitFiles();
  let made = 0;
  const run = (out: string, maximumBytes: number, stopAt?: number, resume = false) => {
    const controller = new AbortController();
    const newMemory = () => {
      made++;
      return new Memory({ shared: true, maximumBytes });
    };
    const runtime = { ...keptThreads, files, newMemory, releaseMemory: async () => undefined };
    const training: ConfigurationInput = {
      version: 1,
      data: { train: { tsv: 'data/train.tsv' }, dev: { tsv: 'data/dev.tsv' } },
      tokenizer: { kind: 'word', split: 'spaces' },
      model: { kind: 'lstm', layers: 2, hidden: 8, dropout: 0.1 },
      training: {
        optimizer: { kind: 'adam', learningRate: 0.01 },
        batch: { sentences: 16 },
        stop: { steps: 6 },
        validate: { every: { steps: 3 }, metrics: ['perplexity', 'bleu'] },
        checkpoint: { every: { steps: 3 }, average: 2 },
        parallel: { strategy: 'pipeline', stretch: 2, placement: { layers: [0, 1], vocabulary: [0, 0, 1] } },
      },
    };
    const onEvent = (event: TrainingEvent) => {
      if (event.kind === 'update' && event.steps === stopAt) controller.abort();
    };
    return train(runtime, training, { out, devices: 3, gemm: 'webassembly', onEvent, resume, signal: controller.signal });
  };
  await run('together', roomy);
  made = 0;
  await run('apart', 16 * mebibyte, 4);
  assert.ok(made > 3, `${made} memories`);
  await run('apart', 16 * mebibyte, undefined, true);
  for (const name of ['model.safetensors', 'checkpoints/step-6/model.safetensors', 'checkpoints/step-6/optimizer.safetensors']) {
    assert.deepEqual(await files.readBytes(`apart/${name}`), await files.readBytes(`together/${name}`), name);
  }
});
