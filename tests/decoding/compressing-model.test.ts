import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { printDescription } from '../../src/checkpoint/model-files.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { writeTextFile } from '../../src/checkpoint/whole-files.js';
import { compress, type CompressOptions, decompress } from '../../src/compression/format.js';
import type { TrainedModel } from '../../src/compression/trained-model.js';
import { DecadeError } from '../../src/core/errors.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { load } from '../../src/load.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { pack } from '../../src/packed/pack-file.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { describeRun } from '../../src/training/run-description.js';

const files = memoryFiles({});
const runtime: Runtime = { ...nodeRuntime, files, sharedMemory: false };
/** Long enough that each model begins again with the later half of its context. */
const text = new TextEncoder().encode('A short context comes to its end more than once. '.repeat(4));
const context = 48;
const networks = {
  lstm: { kind: 'lstm', layers: 1, hidden: 16, attention: 'none', initialRange: 0.9 },
  transformer: { kind: 'transformer', encoderLayers: 0, decoderLayers: 1, width: 16, heads: 2 },
};

async function writeRun(path: string, options: object, seed: number, kind: 'bytes' | 'character' = 'bytes'): Promise<void> {
  const tokenizer = await trainTokenizer(['abc'], kind === 'bytes' ? { kind } : { kind, size: 40 });
  const [model, vocabularies] = [modelOptions.parse(options), { target: tokenizer.size }];
  await files.makeDirectory(path);
  await writeTextFile(files, `${path}/tokenizer.json`, tokenizer.toJson());
  const description = { model, vocabularies, tokenizers: { target: 'tokenizer.json' }, context, weights: 'weights.safetensors', seed };
  await writeTextFile(files, `${path}/model.json`, printDescription(description));
  await writeSafetensors(files, `${path}/weights.safetensors`, new InitialValues(createModel(model, vocabularies).parameters, seed));
}

before(async () => {
  for (const [name, options] of Object.entries(networks)) await writeRun(name, options, 1);
  await writeRun('another', networks.lstm, 2);
  await writeRun('characters', networks.lstm, 1, 'character');
  await pack(files, 'transformer', { out: 'integers.decade', precision: 'int8' }, describeRun);
});

async function withModel<Result>(
  run: string,
  use: (trained: TrainedModel) => Promise<Result>,
  platform: Runtime = runtime,
): Promise<Result> {
  const model = await load(platform, run, { gemm: 'exact', devices: 1 });
  try {
    return await model.compressing(use);
  } finally {
    await model.dispose();
  }
}

async function whole(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece.slice());
  return Buffer.concat(all);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const packed = (run: string, prediction: CompressOptions['prediction'], platform?: Runtime) =>
  withModel(run, (trained) => whole(compress(once(text), { size: text.length, prediction, trained })), platform);
const unpacked = (run: string, code: Uint8Array, platform?: Runtime) =>
  withModel(run, (trained) => whole(decompress(once(code), 'file.dcz', { trained })), platform);

for (const run of [...Object.keys(networks), 'integers.decade']) {
  test(`what a trained model predicted is read with the same model, mixed, alone and adapting: ${run}`, async () => {
    const lengths = new Set<number>();
    for (const prediction of [{ cells: 0 }, { cells: 0, networkOnly: true }, { adapt: false }, { adapt: false, networkOnly: true }]) {
      const code = await packed(run, prediction);
      assert.deepEqual(await unpacked(run, code), Buffer.from(text));
      lengths.add(code.length);
    }
    assert.equal(lengths.size, 4);
  });
}

test('products of integers have the same bits in machine code, where there is some, and in WebAssembly', async () => {
  const portable: Runtime = {
    ...runtime,
    openDevice: async (memory, options) => ({ ...(await runtime.openDevice(memory, options)), integerMultiply: undefined }),
  };
  const prediction = { adapt: false, networkOnly: true };
  const codes = [await packed('integers.decade', prediction), await packed('integers.decade', prediction, portable)];
  assert.deepEqual(codes[1], codes[0]);
});

test('another model, none, and one that computes other bits are refused before anything is read', async () => {
  const code = await packed('lstm', { adapt: false });
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof DecadeError && error.kind === 'input' && error.parts.where === 'file.dcz' && pattern.test(error.message);
  await assert.rejects(unpacked('another', code), refused(/another .*compressed with/));
  await assert.rejects(whole(decompress(once(code), 'file.dcz')), refused(/none.*-m/s));
  await assert.rejects(
    withModel('lstm', (trained) => whole(decompress(once(code), 'file.dcz', { trained: { ...trained, check: trained.check ^ 1 } }))),
    refused(/other bits/),
  );
});

test('tokens that are not bytes are refused', async () => {
  await assert.rejects(packed('characters', {}), /tokens of kind character.*bytes/s);
});
