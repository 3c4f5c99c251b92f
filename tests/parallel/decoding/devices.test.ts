import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { TextGenerator } from '../../../src/decoding/generation/generator.js';
import { LocalDecodingExecutor } from '../../../src/decoding/local-executor.js';
import type { DecodingOptionsInput } from '../../../src/decoding/options.js';
import { score } from '../../../src/decoding/score.js';
import { type TranslationResult, Translator } from '../../../src/decoding/translator.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import type { VocabularySizes } from '../../../src/models/model.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { InitialValues } from '../../../src/nn/parameters.js';
import { Memories } from '../../../src/parallel/memories.js';
import { DataExecutor } from '../../../src/parallel/data/executor.js';
import { type DecodingRequest, sharedModel } from '../../../src/parallel/decoding/messages.js';
import { ElasticDecodingExecutor } from '../../../src/parallel/decoding/elastic.js';
import type { DeviceThread } from '../../../src/parallel/runtime.js';
import { Memory } from '../../../src/tensor/memory.js';
import { trainTokenizer } from '../../../src/text/train-tokenizer.js';
import { randomSources } from '../../decoding/models.js';
import { keptThreads } from '../kept-threads.js';

const gemm = 'webassembly';
const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];
const tokenizer = await trainTokenizer([words.join(' ')], { kind: 'word', size: 11 });
const tokenizers = { sourceTokenizer: tokenizer, targetTokenizer: tokenizer };
/** Lines of 0 to 9 words. */
const lines = randomSources(60, 9, 4).map((ids, index) => (index % 11 === 3 ? '' : ids.map((id) => words[id % 7]).join(' ')));
const attentive = modelOptions.parse({ kind: 'lstm', initialRange: 0.9, layers: 2, hidden: 16, attention: 'dot', inputFeeding: true });
const plain = modelOptions.parse({ kind: 'lstm', initialRange: 0.9, layers: 1, hidden: 12 });

const translation: VocabularySizes = { source: 11, target: 11 };

/** An executor of random models on this thread and, above `worthStarting` multiplications, on devices. */
async function start(
  devices: number,
  { options = [attentive], vocabularies = translation, worthStarting = 0, startThread = keptThreads.startThread, integers = false } = {},
): Promise<{ executor: ElasticDecodingExecutor; local: LocalDecodingExecutor; memory: Memory }> {
  const memory = new Memory({ shared: true });
  const models = options.map((each, index) => {
    const model = createModel(each, vocabularies);
    model.parameters.allocate(memory);
    model.parameters.initialise(index + 3);
    return model;
  });
  const device = await nodeRuntime.openDevice(memory, { gemm });
  const local = LocalDecodingExecutor.across(models.map((model) => ({ model, device, integers })));
  const executor = new ElasticDecodingExecutor({
    runtime: { ...nodeRuntime, startThread },
    local,
    members: models.map((model, index) => sharedModel(model, options[index] ?? attentive, memory, integers)),
    gemm,
    devices,
    rowCost: 1,
    worthStarting,
    worthUsing: worthStarting,
  });
  return { executor, local, memory };
}

/** The threads that are started, to be counted and killed. */
function countedThreads(start = nodeRuntime.startThread) {
  const threads: { thread: DeviceThread; kill(): void }[] = [];
  const startThread = (): DeviceThread => {
    const thread = start();
    let failure: (reason: string) => void = () => {};
    threads.push({
      thread,
      kill: () => {
        thread.terminate();
        failure('its thread ended unexpectedly');
      },
    });
    return {
      ...thread,
      listen: (handlers) => {
        failure = handlers.failure;
        thread.listen(handlers);
      },
    };
  };
  return { threads, startThread };
}

function assertSame(found: readonly TranslationResult[], expected: readonly TranslationResult[]): void {
  assert.equal(found.length, expected.length);
  const near = (a: number | undefined, b: number | undefined) =>
    assert.ok(a === b || Math.abs((a ?? Number.NaN) - (b ?? Number.NaN)) < 1e-5 * Math.max(1, Math.abs(b ?? 0)), `${a} is not near ${b}`);
  for (const [index, { line, nbest }] of found.entries()) {
    assert.equal(line, expected[index]?.line);
    assert.equal(nbest.length, expected[index]?.nbest.length);
    for (const [rank, translation] of nbest.entries()) {
      const other = expected[index]?.nbest[rank];
      assert.equal(translation.text, other?.text);
      assert.deepEqual(translation.ids, other?.ids);
      near(translation.score, other?.score);
      near(translation.logProbability, other?.logProbability);
      assert.equal(translation.attention?.length, other?.attention?.length);
      translation.attention?.forEach((weights, position) => {
        weights.forEach((weight, source) => {
          near(weight, other?.attention?.[position]?.[source]);
        });
      });
    }
  }
}

test('any number of devices gives what this thread gives: n-best, samples, attention, prefixes, ensembles', async () => {
  const asked = lines.slice(0, 36).map((text, index) => (index % 5 === 0 ? { text, prefix: 'two one' } : text));
  const variants: { options: (typeof attentive)[]; search: DecodingOptionsInput; integers?: boolean }[] = [
    { options: [attentive], search: { beam: 3, nbest: 3, attention: true, batch: { sentences: 7 } } },
    { options: [plain], search: { beam: 1, forbidRepeats: 2, minimumLength: 2 } },
    { options: [attentive, plain], search: { beam: 2, nbest: 2, lengthPenalty: { alpha: 0 } } },
    { options: [attentive], search: { sample: { samples: 3, topP: 0.95 }, attention: true, batch: { sentences: 7 } } },
    { options: [attentive, plain], search: { sample: { temperature: 1.2, seed: 2 } } },
    { options: [attentive], search: { beam: 3, nbest: 3, attention: true, batch: { sentences: 7 } }, integers: true },
  ];
  for (const { options, search, integers = false } of variants) {
    const alone = await start(1, { options, integers });
    const expected = await new Translator(tokenizers, alone.executor, search).translate(asked);
    await alone.executor.dispose();
    for (const devices of [2, 3]) {
      const { executor } = await start(devices, { options, integers });
      const translator = new Translator(tokenizers, executor, search);
      assertSame(await translator.translate(asked), expected);
      const streamed: TranslationResult[] = [];
      for await (const result of translator.translateStream(asked, { readAhead: 25 })) streamed.push(result);
      assertSame(streamed, expected);
      await executor.dispose();
    }
  }
});

test('any number of devices writes what this thread writes, stop strings included', async () => {
  const prompts = lines.slice(0, 40);
  const options = { samples: 2, maximumLength: 15, stop: ['two three', 'n s'], batch: { sentences: 5 } };
  const results: unknown[] = [];
  for (const devices of [1, 2, 3]) {
    const { executor, local } = await start(devices, { options: [plain, plain], vocabularies: { target: 11 } });
    const generator = new TextGenerator(tokenizer, executor, local);
    const found: unknown[] = [];
    for await (const { line, samples } of generator.continueAll(prompts, options)) {
      for (const { text, ids, ending, tokenLogProbabilities } of samples)
        found.push([line, text, [...ids], ending, tokenLogProbabilities.length]);
    }
    results.push(found);
    await executor.dispose();
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
  assert.deepEqual(new Set((results[0] as string[][]).map(([, , , ending]) => ending)), new Set(['end', 'stop', 'length']));
});

test('any number of devices gives the scores that this thread gives', async () => {
  const sources = randomSources(70, 9, 7);
  const pairs = sources.map((source, index) => ({ source, target: sources[(index * 3) % 70] ?? [] }));
  for (const options of [[plain], [attentive, plain]]) {
    const alone = await start(1, { options });
    const expected = await score(alone.executor, pairs);
    await alone.executor.dispose();
    const { executor } = await start(2, { options });
    const progress: number[] = [];
    const found = await score(executor, pairs, { batch: { sentences: 20 }, onProgress: ({ done }) => progress.push(done) });
    await executor.dispose();
    found.forEach(({ logProbability, tokenLogProbabilities }, index) => {
      assert.ok(Math.abs(logProbability - (expected[index]?.logProbability ?? Number.NaN)) < 1e-5 * Math.abs(logProbability));
      assert.equal(tokenLogProbabilities.length, expected[index]?.tokenLogProbabilities.length);
    });
    assert.deepEqual([progress.length, progress.at(-1)], [5, 70]);
  }
});

test('little work starts no thread; threads that were started stay', async () => {
  const { threads, startThread } = countedThreads(keptThreads.startThread);
  const { executor } = await start(2, { startThread, worthStarting: 40 });
  const translator = new Translator(tokenizers, executor, { beam: 2 });
  await translator.translate(['one two three']);
  assert.equal(threads.length, 0);
  await translator.translate(lines);
  assert.equal(threads.length, 2);
  await translator.translate(lines);
  assert.equal(threads.length, 2);
  await executor.dispose();
});

test('a device that dies ends the translation with a clear error, nothing hangs, and the next call has new devices', async () => {
  const { threads, startThread } = countedThreads();
  const { executor } = await start(2, { startThread });
  const translator = new Translator(tokenizers, executor, { beam: 2, batch: { sentences: 2 } });
  const expected = await translator.translate(lines);
  let killed = false;
  const dying = translator.translate(lines, {
    onProgress: () => {
      if (!killed) threads[1]?.kill();
      killed = true;
    },
  });
  await assert.rejects(dying, (error: unknown) => {
    assert.ok(error instanceof DecadeError);
    assert.equal(error.kind, 'resource');
    assert.match(error.message, /^device \d: its thread ended unexpectedly.*fewer devices/);
    return true;
  });
  assertSame(await translator.translate(lines), expected);
  assert.equal(threads.length, 4);
  await executor.dispose();
});

test('after a device has died, neither new ones start nor does the executor end before the others have ended', async () => {
  const alive = new Set<DeviceThread>();
  const aliveAtStart: number[] = [];
  const startThread = () => {
    let replyTo: Parameters<DeviceThread['listen']>[0];
    const thread: DeviceThread = {
      listen: (handlers) => {
        replyTo = handlers;
      },
      post: (request) => {
        const begins = (request as DecodingRequest).kind === 'begin-decoding';
        queueMicrotask(() => (begins ? replyTo.message({ kind: 'decoding' }) : replyTo.failure('died')));
      },
      terminate: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        alive.delete(thread);
      },
    };
    aliveAtStart.push(alive.size);
    alive.add(thread);
    return thread;
  };
  const { executor } = await start(2, { startThread });
  const translator = new Translator(tokenizers, executor);
  for (let time = 0; time < 2; time++) await assert.rejects(translator.translate(lines), /died/);
  await executor.dispose();
  assert.deepEqual(aliveAtStart, [0, 1, 0, 1]);
  assert.equal(alive.size, 0);
});

test('a search on a device ends with the signal, and with its executor', async () => {
  // Threads of its own, since it ends while they work.
  const { executor } = await start(2, { startThread: nodeRuntime.startThread });
  // Long enough to be under way for seconds.
  const endless = { beam: 5, minimumLength: 90_000, maximumLength: 90_000 };
  const translator = new Translator(tokenizers, executor, endless);
  const controller = new AbortController();
  const progress: number[] = [];
  const work = translator.translate(lines, {
    signal: controller.signal,
    onProgress: ({ search }) => {
      progress.push(search?.tokens ?? -1);
      assert.equal(search?.maximumTokens, 90_000);
      if (progress.length > 2) controller.abort(new Error('enough'));
    },
  });
  await assert.rejects(work, /enough/);
  assert.ok(progress.every((tokens) => tokens >= 0));
  const again = translator.translate(['one', 'two'].concat(lines), { maximumLength: 4, minimumLength: 0 });
  assert.equal((await again).length, 62);
  const disposed = assert.rejects(translator.translate(lines), /its thread has ended/);
  await new Promise((resolve) => setTimeout(resolve, 150));
  await executor.dispose();
  await disposed;
});

test('a call ends with its signal while devices that never answer are started, and a thread that cannot be is an error', async () => {
  const silent: DeviceThread = { post: () => {}, listen: () => {}, terminate: async () => {} };
  const { executor } = await start(2, { startThread: () => silent });
  const translator = new Translator(tokenizers, executor);
  await assert.rejects(translator.translate(lines, { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
  await executor.dispose();

  const dead: DeviceThread = { ...silent, listen: ({ failure }) => queueMicrotask(() => failure('no room', 'use fewer devices')) };
  const other = await start(2, { startThread: () => dead });
  await assert.rejects(new Translator(tokenizers, other.executor).translate(lines), (error) => {
    assert.ok(error instanceof DecadeError);
    assert.equal(error.message, 'device 0: no room. Use fewer devices');
    return error.kind === 'resource';
  });
  await other.executor.dispose();
});

test('a line that cannot be translated is named, and the devices go on', async () => {
  const memories = new Memories(nodeRuntime);
  const model = createModel(plain, { source: 11, target: 11 });
  const rule = {
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    clip: { kind: 'none' },
    normalise: 'tokens',
    labelSmoothing: 0,
    consistency: 0,
    seed: 1,
  } as const;
  const training = await DataExecutor.start({ runtime: nodeRuntime, memories, model, modelOptions: plain, rule, devices: 2, gemm });
  await training.distribute({ parameters: new InitialValues(model.parameters, 1) });
  const decoding = await training.decoding();
  // The embedding of one word is no number.
  const table = model.parameters.get('source.embedding.table')?.value;
  const bad = tokenizer.encode('three')[0] ?? -1;
  const columns = table?.dimension(1) ?? 0;
  const before = table?.f32.slice(bad * columns, (bad + 1) * columns) ?? new Float32Array();
  table?.f32.fill(Number.NaN, bad * columns, (bad + 1) * columns);
  const translator = new Translator(tokenizers, decoding, { beam: 2 });
  await assert.rejects(translator.translate(['one', 'two', 'one three', 'two']), /line 3, after 0 tokens: no token that can follow/);
  assert.equal((await translator.translate(['one', 'two', 'one two', 'two'])).length, 4);
  await decoding.dispose();
  table?.f32.set(before, bad * columns);
  // The same threads train, and then translate with what was learnt.
  const pairs = Array.from({ length: 8 }, (_, key) => ({ key, source: [4, 5], target: [6, 7] }));
  for (let update = 1; update <= 60; update++) await training.update([pairs], { update, learningRate: 2 });
  const learnt = await training.decoding();
  const [found] = await (await learnt.decoderFor(1)).search([{ source: [4, 5] }], {
    beam: 1,
    beamWidth: 'shrinking',
    stopping: 'exact',
    nbest: 1,
    lengthPenalty: { kind: 'power', alpha: 1 },
    minimumLength: 0,
    forbidRepeats: 0,
    forbidUnknown: false,
    attention: false,
  });
  assert.deepEqual([...(found?.[0]?.ids ?? [])], [6, 7]);
  await learnt.dispose();
  await training.dispose();
});
