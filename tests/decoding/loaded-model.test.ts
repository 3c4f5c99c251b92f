import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { joinPath } from '../../src/core/files.js';
import { decade } from '../../src/decade.js';
import { load } from '../../src/load.js';
import type { LoadedModel } from '../../src/loaded-model.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { train } from '../../src/parallel/train.js';
import { Memory } from '../../src/tensor/memory.js';
import { keptThreads } from '../parallel/kept-threads.js';
import { configurationOf } from '../../src/training/configuration.js';
import { digitFiles, tinyConfiguration } from '../training/tiny-run.js';

const files = digitFiles();
let live = 0;
/** Counts memories that were not given back. */
const runtime: Runtime = {
  ...keptThreads,
  files,
  sharedMemory: false,
  newMemory: () => {
    live++;
    return nodeRuntime.newMemory();
  },
  releaseMemory: (memory: Memory) => {
    live--;
    return nodeRuntime.releaseMemory(memory);
  },
};
const gemm = 'webassembly';
const lines = ['1 2 3', '4 5'];

before(async () => {
  const withHidden = (hidden: number) => tinyConfiguration({ stop: { steps: 1 } }, { model: { hidden, attention: 'dot' } });
  await train(runtime, withHidden(256), { out: 'run', gemm });
  await train(runtime, withHidden(8), { out: 'damaged', gemm });
  const { data, tokenizer, training } = tinyConfiguration({ stop: { steps: 1 } });
  const short = {
    kind: 'transformer',
    positions: 'learned',
    maximumLength: 8,
    width: 8,
    heads: 2,
    encoderLayers: 1,
    decoderLayers: 1,
  } as const;
  await train(runtime, configurationOf({ version: 1, data, tokenizer, model: short, training }), { out: 'short', gemm });
  const parameters = await files.readBytes('damaged/model.safetensors');
  const writer = await files.create('damaged/model.safetensors');
  await writer.write(parameters.subarray(0, parameters.length - 100));
  await writer.close();
  assert.equal(live, 0, 'training gives its memory back');
});

const calls: Readonly<Record<string, (model: LoadedModel) => Promise<unknown>>> = {
  translate: (model) => model.translate(lines),
  translateStream: (model) => model.translateStream(lines).next(),
  score: (model) => model.score([{ source: '1 2', target: '2 1' }]),
  rescore: (model) => model.rescore({ sources: ['1 2'], lines: ['0 ||| 2 1 ||| lm= -1 ||| -1'] }),
  sentenceVectors: (model) => model.sentenceVectors(lines),
  attentionMaps: (model) => model.attentionMaps(lines),
};

function isRefused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof DecadeError && error.kind === 'usage' && message.test(error.message);
}

test('an ensemble cuts what its members have no room for, in whatever order they stand', async () => {
  const scores = [];
  for (const runs of [
    ['run', 'short'],
    ['short', 'run'],
  ]) {
    const model = await load(runtime, runs, { gemm });
    const [score] = await model.score([{ source: '1 2 3 4 5 6 7 8 9 0', target: '1 2 3 4 5 6 7 8 9 0' }]);
    scores.push({ message: score?.warning?.message, tokens: score?.tokenLogProbabilities.length });
    await model.dispose();
  }
  assert.match(scores[0]?.message ?? '', /^source, line 1: 10 tokens; only the first/);
  assert.deepEqual(scores[0], scores[1]);
});

test('a prefix that the model has no room for is cut, with a warning that names its line, and other lines have theirs', async () => {
  const model = await load(runtime, 'short', { gemm });
  const prefixes = ['1 2 3 4 5 6 7', '1 2 3 4 5 6 7 8 9 0', '1'];
  const results = await model.translate(prefixes.map((prefix) => ({ text: '1 2', prefix })));
  assert.deepEqual(
    results.slice(0, 2).map(({ text }) => text),
    ['1 2 3 4 5 6 7', '1 2 3 4 5 6 7'],
  );
  assert.match(results[2]?.text ?? '', /^1/);
  const where = results.map(({ warning }) => warning?.parts.where);
  assert.deepEqual(where, [undefined, 'prefix, line 2', undefined]);
  await model.dispose();
});

describe('a loaded model', () => {
  test('refuses every call after dispose, and a second dispose does nothing', async () => {
    const model = await load(runtime, 'run', { gemm });
    for (const call of Object.values(calls)) await call(model);
    await Promise.all([model.dispose(), model.dispose()]);
    await model.dispose();
    assert.equal(live, 0);
    for (const [name, call] of Object.entries(calls)) {
      await assert.rejects(call(model), isAfterDispose, name);
    }
  });

  test('refuses what is no list of text, naming the item, and goes on', async () => {
    const model = await load(runtime, 'run', { gemm });
    const refused = (call: Promise<unknown>, message: RegExp) => assert.rejects(call, isRefused(message));
    const untyped = <Value>(value: unknown): Value => value as Value;
    await refused(model.translate(untyped('1 2 3')), /^lines: '1 2 3'; expected a list of text, or \{ text, prefix, must, mustNot \}/);
    await refused(model.translate(untyped(['1 2', { text: 5 }])), /^lines, item 2: \{ text: 5 \}; expected text/);
    await refused(model.translate(untyped([{ text: '1', prefix: 5 }])), /^lines, item 1: /);
    await refused(model.translateStream('1 2 3').next(), /^lines: '1 2 3'; expected a list or a stream of text/);
    const stream = model.translateStream(untyped(['1 2', 5]), { readAhead: 1 });
    await stream.next();
    await refused(stream.next(), /^line 2: 5; expected text/);
    await refused(model.score(untyped([{ source: '1 2' }])), /^pairs, item 1: \{ source: '1 2' \}; expected \{ source, target \}/);
    await refused(model.score([], untyped({ beam: 3 })), /^score options: unknown option "beam"; expected batch, maximumLength/);
    await refused(model.score([], { maximumLength: 0 }), /^score options\.maximumLength: 0; expected a number of at least 1/);
    for (const name of ['translate', 'score', 'sentenceVectors', 'attentionMaps', 'rescore'] as const) {
      const call = (options: unknown) => model[name](untyped([]), untyped(options)) as Promise<unknown>;
      const named = (rest: string) => new RegExp(`^${name} options${rest}`);
      await refused(call(5), named(': 5; expected a record of options, or nothing'));
      await refused(call(null), named(': no value; expected a record of options'));
      await refused(call({ signal: 5 }), named('.signal: 5; expected an AbortSignal'));
    }
    assert.throws(() => model.translateStream(lines, untyped(5)), isRefused(/^translateStream options: 5; expected a record/));
    await refused(model.sentenceVectors(untyped('1 2 3')), /^lines: '1 2 3'/);
    await refused(load(runtime, 'run', untyped({ gemm, untrained: 'yes' })), /^load\.untrained: 'yes'; expected true or false/);
    assert.equal((await model.translate(lines)).length, 2);
    await model.dispose();
    assert.equal(live, 0);
  });

  test('ends what is under way by an error, and leaves what others loaded as it was', async () => {
    const [model, other] = [await load(runtime, 'run', { gemm }), await load(runtime, 'run', { gemm })];
    const expected = await other.translate(lines);
    const endless = { beam: 4, minimumLength: 50_000, maximumLength: 50_000 };
    const stream = model.translateStream(lines);
    await stream.next();
    const work = assert.rejects(model.translate(lines, endless), isAfterDispose);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await model.dispose();
    await work;
    await assert.rejects(stream.next(), isAfterDispose);
    assert.deepEqual(await other.translate(lines), expected);
    await other.dispose();
    assert.equal(live, 0);
  });

  test('that cannot be opened leaves nothing behind', async () => {
    await assert.rejects(load(runtime, ['run', 'damaged'], { gemm }), { name: 'DecadeError' });
    await assert.rejects(load(runtime, 'no such run', { gemm }), { name: 'DecadeError' });
    await assert.rejects(load(runtime, 'run', { gemm, beam: -1 }), { name: 'DecadeError' });
    await assert.rejects(load(runtime, 'run', { gemm: 'no such library' }), { name: 'DecadeError' });
    await assert.rejects(
      load({ ...runtime, cores: 2 }, 'run', { devices: 65 }),
      /devices: 65; expected at most 64\. This machine has 2 cores/,
    );
    await assert.rejects(train({ ...runtime, cores: 2 }, tinyConfiguration(), { out: 'many', devices: 200 }), /devices: 200; expected/);
    assert.equal(await files.kind('many'), 'missing');
    await assert.rejects(decade(runtime).translate('run', lines, { gemm, beam: -1 }), { name: 'DecadeError' });
    assert.equal(live, 0);
  });

  test('gives the same bits in a memory that others have used, and so does training', async () => {
    /** A memory in which every float that nobody has written is not a number. */
    const usedMemory = () => {
      const memory = new Memory({ shared: true });
      const block = memory.allocate(64 * 1024 ** 2);
      memory.u8.fill(0xff, block.offset, block.offset + block.bytes);
      memory.reset();
      return memory;
    };
    const fresh = { ...keptThreads, files, newMemory: () => new Memory({ shared: true }), releaseMemory: async () => {} };
    const used = { ...fresh, newMemory: usedMemory };
    const results = [];
    for (const [name, where] of Object.entries({ fresh, used })) {
      await train(where, tinyConfiguration({ stop: { steps: 3 } }), { out: name, devices: 2, gemm });
      const model = await load(where, name, { gemm });
      const scores = await model.score([{ source: '1 2', target: '2 1' }]);
      const translations = await model.translate(lines, { beam: 3, nbest: 3 });
      results.push({ translations, scores, parameters: await files.readBytes(joinPath(name, 'model.safetensors')) });
      await model.dispose();
    }
    assert.deepEqual(results[1], results[0]);
  });

  test('a loop of loading, translating and disposing stays flat, and so do calls for once', async () => {
    const grown: number[] = [];
    for (let round = 0; round < 40; round++) {
      const model = await load(runtime, 'run');
      await model.translate(lines, { beam: 2, maximumLength: 3 });
      await model.dispose();
      if (round % 4 === 0) await decade(runtime).translate('run', lines, { beam: 2, maximumLength: 3 });
      if (round % 4 === 2) await decade(runtime).score('run', [{ source: '1 2', target: '2 1' }]);
      grown.push(process.memoryUsage.rss() / 1024 ** 2);
    }
    // A model has 6 MiB of parameters, and as much again when they are packed.
    const growth = (grown.at(-1) ?? 0) - (grown[9] ?? 0);
    assert.ok(growth < 60, `${growth.toFixed(0)} MiB in 30 rounds`);
  });
});

function isAfterDispose(error: unknown): boolean {
  assert.ok(error instanceof DecadeError, String(error));
  assert.match(error.message, /after dispose/);
  return error.kind === 'usage';
}
