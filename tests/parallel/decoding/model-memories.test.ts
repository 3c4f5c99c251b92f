import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalDecodingExecutor, type PlacedModel } from '../../../src/decoding/local-executor.js';
import { resolveDecodingOptions } from '../../../src/decoding/options.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { newMemory } from '../../../src/node/memories.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { ElasticDecodingExecutor } from '../../../src/parallel/decoding/elastic.js';
import { type SharedModel, sharedModel } from '../../../src/parallel/decoding/messages.js';
import { ModelMemories } from '../../../src/parallel/decoding/model-memories.js';
import { Memory } from '../../../src/tensor/memory.js';
import { randomSources } from '../../decoding/models.js';
import { keptThreads } from '../kept-threads.js';

const gemm = 'webassembly';
const vocabularies = { source: 11, target: 13 };
/** 4 MiB of weights each; the members differ in how they read and in what they look at. */
const members = [
  modelOptions.parse({ kind: 'lstm', initialRange: 0.2, layers: 1, hidden: 256 }),
  modelOptions.parse({ kind: 'lstm', initialRange: 0.2, layers: 1, hidden: 256, attention: 'dot', reverseSource: false }),
  modelOptions.parse({ kind: 'lstm', initialRange: 0.2, layers: 1, hidden: 256, attention: 'additive' }),
];
const megabyte = 1024 ** 2;
const sentences = randomSources(6, 5).map((source) => ({ source }));
const pairs = sentences.map(({ source }) => ({ source, target: source.map((id) => id % 10) }));

/** What an ensemble finds and says in memories of so many bytes, on so many devices. */
async function together(maximumBytes: number, devices: number) {
  const made: Memory[] = [];
  const memories = new ModelMemories(
    {
      ...nodeRuntime,
      newMemory: () => {
        const memory = new Memory({ shared: true, maximumBytes });
        made.push(memory);
        return memory;
      },
      releaseMemory: async () => undefined,
    },
    gemm,
  );
  const placed: (PlacedModel & { readonly shared: SharedModel })[] = [];
  for (const [index, options] of members.entries()) {
    const model = createModel(options, vocabularies);
    const device = await memories.deviceFor(model.parameters);
    model.parameters.allocate(device.memory);
    model.parameters.initialise(index + 1);
    placed.push({ model, device, shared: sharedModel(model, options, device.memory) });
  }
  const executor = new ElasticDecodingExecutor({
    runtime: { ...nodeRuntime, startThread: keptThreads.startThread },
    local: LocalDecodingExecutor.across(placed),
    members: placed.map(({ shared }) => shared),
    gemm,
    devices,
    rowCost: 1,
    worthStarting: 0,
    worthUsing: 0,
  });
  try {
    const decoder = await executor.decoderFor(1);
    const options = resolveDecodingOptions({ beam: 3, nbest: 2, maximumLength: 8, attention: true });
    return { memories: made.length, found: await decoder.search(sentences, options), scores: await decoder.score(pairs) };
  } finally {
    await executor.dispose();
    await memories.release();
  }
}

for (const devices of [1, 2]) {
  test(`models in a memory each find and score what they do in one, bit for bit: ${devices} ${devices === 1 ? 'device' : 'devices'}`, async () => {
    const one = await together(256 * megabyte, devices);
    const each = await together(24 * megabyte, devices);
    assert.deepEqual([one.memories, each.memories], [1, members.length]);
    assert.deepEqual(each.found, one.found);
    assert.deepEqual(each.scores, one.scores);
  });
}

test('models share a memory while they leave half of it free', async () => {
  const memories = new ModelMemories({ ...nodeRuntime, newMemory }, gemm);
  const devices = [];
  for (const options of members) {
    const model = createModel(options, vocabularies);
    const device = await memories.deviceFor(model.parameters);
    model.parameters.allocate(device.memory);
    devices.push(device);
  }
  assert.equal(new Set(devices).size, 1);
  await memories.release();
});
