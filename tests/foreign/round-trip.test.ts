import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import type { Files } from '../../src/core/files.js';
import { exportModel } from '../../src/foreign/export.js';
import { architectureOf, huggingFaceFolder, onnxMisfits } from '../../src/foreign/hugging-face-folder.js';
import { importModel } from '../../src/foreign/import.js';
import { openMarian } from '../../src/foreign/marian.js';
import { writeFolder } from '../../src/foreign/written-folder.js';
import { writtenModel } from '../../src/foreign/written-model.js';
import { createModel } from '../../src/models/create.js';
import { transformerOptions } from '../../src/models/transformer/options.js';
import { pack } from '../../src/packed/pack-file.js';
import { describeRun } from '../../src/training/run-description.js';
import type { StepModel } from '../../src/models/model.js';
import type { Device } from '../../src/tensor/device.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { openTestDevice } from '../tensor/devices.js';
import { openGolden, openModel } from './opened.js';
import { npzBytes, type WrittenArray } from './written-files.js';

const size = 12;
const sizes = { kind: 'transformer', decoderLayers: 2, width: 8, heads: 2, feedForward: 20 } as const;
const forms = {
  MarianMTModel: { ...sizes, preset: 'marian', encoderLayers: 3, encoderHeads: 4, encoderFeedForward: 12 },
  M2M100ForConditionalGeneration: { ...sizes, encoderLayers: 1, sinusoids: 'tensor2tensor', firstPosition: 1, tiedEmbeddings: 'all' },
  GPT2LMHeadModel: { ...sizes, preset: 'gpt2', maximumLength: 16 },
  'T5ForConditionalGeneration, 1.0': { ...sizes, preset: 't5', encoderLayers: 1, relativeBuckets: 8 },
  'T5ForConditionalGeneration, 1.1': {
    ...{ ...sizes, preset: 't5', encoderLayers: 3, headWidth: 5, relativeBuckets: 8, relativeDistance: 9 },
    ...{ activation: 'geglu-tanh', tiedEmbeddings: 'sides', scaledOutput: false },
  },
  LlamaForCausalLM: { ...sizes, preset: 'llama', keyValueHeads: 1, rotaryBase: 500 },
} as const;

async function made(name: keyof typeof forms) {
  const options = transformerOptions.parse(forms[name]);
  const isTranslator = options.encoderLayers > 0;
  const device = await openTestDevice();
  const model = createModel(options, { source: isTranslator ? size : undefined, target: size });
  model.parameters.allocate(device.memory);
  for (const [place, { value }] of [...model.parameters].entries()) {
    value.set(Array.from({ length: value.size }, (_, at) => 0.5 * Math.sin(3.1 * at + place)));
  }
  return { model, device, written: writtenModel(options, model.vocabularies) };
}

/** Logits of all tokens after each of these ids. */
function logitsOf(model: StepModel, device: Device, source: readonly number[], ids: readonly number[]): number[] {
  const session = model.decode(device, [model.vocabularies.source === undefined ? [] : source]);
  const all = ids.flatMap((id) => {
    const { logits, bias } = session.step(Int32Array.of(id));
    return Array.from(logits.f32, (value, column) => value + (bias?.f32[column] ?? 0));
  });
  session.dispose();
  return all;
}

async function folderOf(name: keyof typeof forms, files: Files): Promise<Awaited<ReturnType<typeof made>>> {
  const own = await made(name);
  await writeFolder(
    files,
    'folder',
    huggingFaceFolder(own.written, architectureOf(own.written, 'run'), PlacedValues.of(own.model.parameters)),
  );
  return own;
}

describe('a folder of Hugging Face that was written here', () => {
  for (const name of Object.keys(forms) as (keyof typeof forms)[]) {
    test(`${name} gives the same logits when it is read`, async () => {
      const files = memoryFiles();
      const { model, device } = await folderOf(name, files);
      assert.deepEqual(JSON.parse(await files.readText('folder/config.json')).architectures, name.split(',', 1));
      const read = await openGolden('folder', files, 3);
      const [ids, source] = [
        [1, 5, 7, 4],
        [6, 9, 11],
      ];
      assert.deepEqual(logitsOf(read.model, read.device, source, ids), logitsOf(model, device, source, ids));
    });
  }

  test('is a T5 where it is called mT5, and was written by an older version that says less', async () => {
    const files = memoryFiles();
    const { model, device } = await folderOf('T5ForConditionalGeneration, 1.1', files);
    const { scale_decoder_outputs: _, ...given } = JSON.parse(await files.readText('folder/config.json'));
    const writer = await files.create('folder/config.json');
    await writer.write(new TextEncoder().encode(JSON.stringify({ ...given, model_type: 'mt5', tie_word_embeddings: false })));
    await writer.close();
    const read = await openGolden('folder', files, 3);
    assert.equal(read.foreign.architecture, 'MT5ForConditionalGeneration');
    assert.deepEqual(logitsOf(read.model, read.device, [6, 9], [1, 5]), logitsOf(model, device, [6, 9], [1, 5]));
  });

  test('is not written as graphs where attention is that of T5', async () => {
    const { written } = await made('T5ForConditionalGeneration, 1.1');
    assert.deepEqual(onnxMisfits(written.options), ['model.positions relative', 'model.headWidth 5', 'model.scaledAttention false']);
    const biased = { ...written, options: { ...written.options, biases: true } };
    assert.throws(
      () => architectureOf(biased, 'run'),
      /run: model\.biases true; expected T5ForConditionalGeneration, which has model\.biases false/,
    );
  });

  test('is refused with the option that no class has', async () => {
    const { written } = await made('MarianMTModel');
    const interleaved = { ...written, options: { ...written.options, sinusoids: 'interleaved' as const } };
    assert.throws(
      () => architectureOf(interleaved, 'run'),
      /run: model\.sinusoids interleaved; expected MarianMTModel, which has model\.sinusoids halves/,
    );
  });

  test('leaves nothing behind when it cannot be written', async () => {
    const files = memoryFiles();
    const { written, model } = await made('GPT2LMHeadModel');
    const values = { shapes: model.parameters.shapes, requireSame: () => {}, read: () => Promise.reject(new Error('the disk is full')) };
    await assert.rejects(
      writeFolder(files, 'folder', huggingFaceFolder(written, architectureOf(written, 'run'), values)),
      /the disk is full/,
    );
    assert.deepEqual(await files.list('.'), []);
  });
});

test('what is exported of an import is the file that was imported, bit for bit', async () => {
  const files = memoryFiles();
  await folderOf('GPT2LMHeadModel', files);
  const writer = await files.create('folder/vocab.json');
  const names = ['<pad>', '<s>', '</s>', '<unk>', ...Array.from({ length: size - 4 }, (_, index) => `w${index}`)];
  await writer.write(new TextEncoder().encode(JSON.stringify(Object.fromEntries(names.map((name, id) => [name, id])))));
  await writer.close();
  await importModel(files, 'folder', { out: 'run' });
  const { architecture } = await exportModel(files, 'run', { out: 'again' });
  assert.equal(architecture, 'GPT2LMHeadModel');
  assert.deepEqual(await files.readBytes('again/model.safetensors'), await files.readBytes('folder/model.safetensors'));
  assert.equal(JSON.parse(await files.readText('again/tokenizer.json')).model.vocab.w3, 7);
  await pack(files, 'run', { out: 'run.decade' }, describeRun);
  await exportModel(files, 'run.decade', { out: 'of-packed' });
  assert.deepEqual(await files.readBytes('of-packed/model.safetensors'), await files.readBytes('folder/model.safetensors'));
  await assert.rejects(exportModel(files, 'run', { out: 'again' }), /again: a directory that contains other files/);
});

/** The names and the shapes of Marian's own files, from the tensors of Hugging Face's. */
async function npzOf(files: Files): Promise<Record<string, WrittenArray>> {
  const { tensors } = await (await import('../../src/foreign/hugging-face.js')).openHuggingFace(files, 'folder', undefined);
  const arrays: Record<string, WrittenArray> = {};
  const parts = { self_attn: 'self', encoder_attn: 'context' } as const;
  for (const [name, shape] of tensors.shapes) {
    const values = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1));
    await tensors.read(name, 0, values);
    const [, side, layer, part, end] = /^model\.(\w+)\.layers\.(\d+)\.(.*)\.(weight|bias)$/.exec(name) ?? [];
    const place = `${side}_l${Number(layer) + 1}`;
    const [, attention, letter] = /^(self_attn|encoder_attn)\.([a-z])/.exec(part ?? '') ?? [];
    const isWeight = end === 'weight';
    const transposed = () => ({
      shape: [...shape].reverse(),
      values: values.map((_, at) => values[(at % (shape[0] ?? 1)) * (shape[1] ?? 1) + Math.floor(at / (shape[0] ?? 1))] as number),
    });
    const row = { shape: [1, values.length], values };
    if (name === 'model.shared.weight') arrays['Wemb'] = { shape, values };
    else if (name === 'final_logits_bias') arrays['decoder_ff_logit_out_b'] = row;
    else if (attention !== undefined)
      arrays[`${place}_${parts[attention as keyof typeof parts]}_${isWeight ? 'W' : 'b'}${letter}`] = isWeight ? transposed() : row;
    else if (part === 'fc1' || part === 'fc2')
      arrays[`${place}_ffn_${isWeight ? 'W' : 'b'}${part.slice(2)}`] = isWeight ? transposed() : row;
    else {
      const norm = part === 'final_layer_norm' ? 'ffn_ffn' : `${parts[(part ?? '').replace('_layer_norm', '') as keyof typeof parts]}_Wo`;
      arrays[`${place}_${norm}_ln_${isWeight ? 'scale' : 'bias'}`] = row;
    }
  }
  const yaml = `type: transformer\nenc-depth: 3\ndec-depth: 2\ndim-emb: 8\ntransformer-heads: 4\ntransformer-dim-ffn: 12\ntransformer-ffn-activation: swish\ntransformer-postprocess: dan\n\0`;
  return { ...arrays, 'special:model.yml': { type: 'i8', shape: [yaml.length], values: new TextEncoder().encode(yaml) } };
}

test("Marian's own file gives the logits of Hugging Face's", async () => {
  const files = memoryFiles();
  const even = { ...forms.MarianMTModel, heads: 4, feedForward: 12 };
  const options = transformerOptions.parse(even);
  const device = await openTestDevice();
  const model = createModel(options, { source: size, target: size });
  model.parameters.allocate(device.memory);
  for (const [place, { value }] of [...model.parameters].entries()) {
    value.set(Array.from({ length: value.size }, (_, at) => 0.5 * Math.sin(3.1 * at + place)));
  }
  // As in OPUS-MT: no token of the file is the start, whose vector is zero.
  const table = model.parameters.get('target.embedding.table');
  table?.value.f32.fill(0, 8, 16);
  const written = writtenModel(options, model.vocabularies);
  await writeFolder(files, 'folder', huggingFaceFolder(written, architectureOf(written, 'run'), PlacedValues.of(model.parameters)));
  const names = ['<pad>', '<s>', '</s>', '<unk>', ':', '"', 'a: 1', ...Array.from({ length: 5 }, (_, index) => `▁piece${index}`)];
  const vocabulary = names.map((name, id) => `${JSON.stringify(name)}: ${id}\n`).join('');
  const marian = memoryFiles({
    'marian/model.npz': npzBytes(await npzOf(files)),
    'marian/opus.vocab.yml': vocabulary,
    'marian/decoder.yml': 'beam-size: 6\nnormalize: 0.6\n',
  });
  const opened = await openMarian(marian, 'marian');
  assert.equal(opened.tables.target.get('a: 1'), 6);
  assert.deepEqual([opened.model.decoding.beam, opened.model.decoding.lengthPenalty], [6, { alpha: 0.6 }]);
  const read = await openModel(opened);
  const [source, ids] = [
    [6, 9, 11, 2],
    [5, 7, 4],
  ];
  const [theirs, ours] = [
    logitsOf(read.model, read.device, source, [read.foreign.target.special.begin, ...ids]),
    logitsOf(model, device, source, [1, ...ids]),
  ];
  const width = read.model.vocabularies.target;
  for (let place = 0; place < 4; place++) {
    for (let id = 0; id < size; id++) {
      assert.ok(Math.abs((theirs[place * width + id] as number) - (ours[place * size + id] as number)) < 1e-5, `${place}, ${id}`);
    }
  }
});
