import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalDecodingExecutor } from '../../../src/decoding/local-executor.js';
import { score } from '../../../src/decoding/score.js';
import { Translator } from '../../../src/decoding/translator.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { ElasticDecodingExecutor } from '../../../src/parallel/decoding/elastic.js';
import { sharedModel } from '../../../src/parallel/decoding/messages.js';
import { dismissRanks, introduceRanks } from '../../../src/parallel/ranks/claims.js';
import { decodersOfRanks } from '../../../src/parallel/ranks/decoders.js';
import { lendDevices } from '../../../src/parallel/ranks/lend.js';
import type { RankClaims } from '../../../src/parallel/ranks/messages.js';
import type { LentRanks, Runtime } from '../../../src/parallel/runtime.js';
import { Memory } from '../../../src/tensor/memory.js';
import { trainTokenizer } from '../../../src/text/train-tokenizer.js';
import { keptThreads } from '../kept-threads.js';
import { networksInMemory } from './networks-in-memory.js';

const gemm = 'webassembly';
const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
const tokenizer = await trainTokenizer([words.join(' ')], { kind: 'word', size: 11 });
const vocabularies = { source: 11, target: 11 };
const options = [
  modelOptions.parse({ kind: 'lstm', initialRange: 0.9, layers: 1, hidden: 16, attention: 'dot' }),
  modelOptions.parse({ kind: 'lstm', initialRange: 0.9, layers: 1, hidden: 12 }),
];
const lines = Array.from({ length: 40 }, (_, line) =>
  Array.from({ length: line % 9 }, (_word, index) => words[(line * 5 + index * index) % 7]).join(' '),
);
const claims = async (): Promise<RankClaims> => ({ host: 'here', devices: 1, same: {} });

/** What an ensemble decodes on devices here and, with `lent`, on those of other ranks. */
async function decoded(devices: number, lent: LentRanks | undefined) {
  const memory = new Memory({ shared: true });
  const device = await nodeRuntime.openDevice(memory, { gemm });
  const members = options.map((modelOptions, index) => {
    const model = createModel(modelOptions, vocabularies);
    model.parameters.allocate(memory);
    model.parameters.initialise(index + 3);
    return { model, modelOptions, device };
  });
  const executor = new ElasticDecodingExecutor({
    runtime: keptThreads,
    local: LocalDecodingExecutor.across(members),
    members: members.map(({ model, modelOptions }) => sharedModel(model, modelOptions, memory)),
    others: lent && decodersOfRanks(lent, { members, gemm }),
    gemm,
    devices,
    rowCost: 1,
    worthStarting: 0,
    worthUsing: 0,
  });
  const search = { beam: 3, nbest: 2, attention: true, batch: { sentences: 5 } };
  const translated = await new Translator({ sourceTokenizer: tokenizer, targetTokenizer: tokenizer }, executor, search).translate(lines);
  const pairs = lines.map((_, index) => ({ source: [4 + (index % 7), 5], target: [6, 4 + (index % 5)] }));
  const scores = await score(executor, pairs);
  await executor.dispose();
  return { translated, scores };
}

/** Rank 0's view of ranks with a device each; `threads` counts what the others start. */
async function onRanks<Result>(size: number, others: Runtime, work: (lent: LentRanks) => Promise<Result>): Promise<Result> {
  const { networks, end } = networksInMemory(size);
  const [first, ...rest] = networks;
  assert.ok(first);
  const lending = rest.map((network) => lendDevices(others, network, claims));
  try {
    return await work(await introduceRanks(first, await claims()));
  } finally {
    await dismissRanks(first);
    await Promise.all(lending);
    end();
  }
}

test('ranks decode with copies of the models, and give the bits that as many devices of one process give, again and again', async () => {
  const expected = await decoded(3, undefined);
  let threads = 0;
  const counted: Runtime = {
    ...keptThreads,
    startThread: () => {
      threads++;
      return keptThreads.startThread();
    },
  };
  await onRanks(3, counted, async (lent) => {
    assert.deepEqual(await decoded(1, lent), expected);
    assert.deepEqual(await decoded(1, lent), expected);
  });
  assert.equal(threads, 4, 'the others work');
});

test('a device of another rank that dies is told by name', async () => {
  const dying: Runtime = {
    ...keptThreads,
    startThread: () => {
      let die = (_reason: string) => {};
      return {
        post: () => setImmediate(() => die('out of memory')),
        listen: ({ failure }) => {
          die = failure;
        },
        terminate: async () => {},
      };
    },
  };
  await onRanks(2, dying, (lent) => assert.rejects(decoded(1, lent), /device 0 of rank 1 \(here\): out of memory/));
});
