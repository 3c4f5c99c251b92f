import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { importModel } from '../../src/foreign/import.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/parallel/train.js';
import { ctranslate2Bytes, npzBytes, type WrittenArray } from './written-files.js';

const characters = ['<blank>', '<s>', '</s>', 'a', 'b', '\u200c'];
const width = 4;

/** A transliterator of one layer on each side, whose matrices are integers of 8 bits with a scale for each row. */
function variables(): Record<string, WrittenArray> {
  let seed = 0;
  const values = (count: number) => Array.from({ length: count }, () => Math.round(100 * Math.sin(++seed)));
  const all: Record<string, WrittenArray> = {};
  const matrix = (name: string, rows: number, columns: number) => {
    all[`${name}/weight`] = { type: 'i8', shape: [rows, columns], values: values(rows * columns) };
    all[`${name}/weight_scale`] = { shape: [rows], values: Array.from({ length: rows }, (_, row) => 50 + row) };
  };
  const linear = (name: string, outputs: number, inputs: number) => {
    matrix(name, outputs, inputs);
    all[`${name}/bias`] = { shape: [outputs], values: values(outputs).map((value) => value / 1_000) };
  };
  const norm = (name: string) => {
    all[`${name}/gamma`] = { shape: [width], values: [1, 1, 1, 1] };
    all[`${name}/beta`] = { shape: [width], values: [0, 0, 0, 0] };
  };
  for (const side of ['encoder', 'decoder']) {
    matrix(`${side}/embeddings`, characters.length + 1, width);
    norm(`${side}/layer_norm`);
    for (const part of side === 'encoder' ? ['self_attention', 'ffn'] : ['self_attention', 'attention', 'ffn']) {
      const place = `${side}/layer_0/${part}`;
      norm(`${place}/layer_norm`);
      if (part === 'self_attention') linear(`${place}/linear_0`, 3 * width, width);
      else linear(`${place}/linear_0`, part === 'ffn' ? 8 : width, width);
      if (part === 'attention') linear(`${place}/linear_1`, 2 * width, width);
      else linear(`${place}/linear_1`, width, part === 'ffn' ? 8 : width);
      if (part === 'attention') linear(`${place}/linear_2`, width, width);
    }
    all[`${side}/num_heads`] = { type: 'i8', shape: [], values: [2] };
  }
  linear('decoder/projection', characters.length + 1, width);
  return all;
}

const vocabulary = `${characters.join('\n')}\n`;
const folder = (model: Uint8Array) => ({
  'ct2/model.bin': model,
  'ct2/source_vocabulary.txt': vocabulary,
  'ct2/target_vocabulary.txt': vocabulary,
});
const whole = () => ctranslate2Bytes(6, 'TransformerSpec', variables());

describe('an imported model', () => {
  test('translates, scores and is fine-tuned like one of its own', async () => {
    const files = memoryFiles({ ...folder(whole()), 'train.source': 'ab\nba\n', 'train.target': 'ba\nab\n' });
    const { vocabularies } = await importModel(files, 'ct2', { out: 'run' });
    // The unknown token is behind a vocabulary that lacks it.
    assert.deepEqual(vocabularies, { source: 7, target: 7 });
    const runtime = { ...nodeRuntime, files };
    const model = await load(runtime, 'run', { devices: 1 });
    const [result] = await model.translate(['ab'], { maximumLength: 6, nbest: 2 });
    // Of the model's own beam of two.
    assert.equal(result?.nbest.length, 2);
    const [score] = await model.score([{ source: 'ab', target: result?.text ?? '' }]);
    assert.ok(Math.abs((score?.logProbability ?? NaN) - (result?.logProbability ?? 0)) < 1e-4);
    await assert.rejects(model.translate(['ab'], { nbest: 3 }), /at most the beam size, 2/);
    await model.dispose();
    // Its own configuration names data to be put there.
    const configuration = await files.readText('run/config.yaml');
    const writer = await files.create('config.yaml');
    await writer.write(new TextEncoder().encode(configuration));
    await writer.close();
    const summary = await train(runtime, 'config.yaml', { init: 'run', out: 'tuned', devices: 1, set: ['training.stop.steps=2'] });
    assert.equal(summary.steps, 2);
    const tuned = await load(runtime, 'tuned', { devices: 1 });
    assert.equal((await tuned.translate(['ab'], { nbest: 2 }))[0]?.nbest.length, 2);
    await tuned.dispose();
  });

  test('is the same in every version of the format', async () => {
    const weights = async (version: number) => {
      const files = memoryFiles(folder(ctranslate2Bytes(version, 'TransformerSpec', variables())));
      await importModel(files, 'ct2', { out: 'run' });
      return files.readBytes('run/model.safetensors');
    };
    assert.deepEqual(await weights(2), await weights(6));
  });

  test('is never written over what exists, and nothing is left of one that fails', async () => {
    const files = memoryFiles(folder(whole()));
    await importModel(files, 'ct2', { out: 'run' });
    const before = await files.readBytes('run/model.safetensors');
    await assert.rejects(importModel(files, 'ct2', { out: 'run' }), /already contains a run/);
    assert.deepEqual(await files.readBytes('run/model.safetensors'), before);
    const broken = variables();
    broken['decoder/projection/weight_scale'] = { shape: [7], values: [1, 1, 0, 1, 1, 1, 1] };
    const others = memoryFiles(folder(ctranslate2Bytes(6, 'TransformerSpec', broken)));
    await assert.rejects(importModel(others, 'ct2', { out: 'run' }), /Infinity in decoder\/projection\/weight; expected finite numbers/);
    assert.deepEqual(await others.list('.'), ['ct2']);
  });
});

/** What an import of these files is refused with. */
async function refusal(files: Readonly<Record<string, string | Uint8Array>>, path: string): Promise<string> {
  const error = await importModel(memoryFiles(files), path, { out: 'run' }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DecadeError, String(error));
  return error.message;
}

describe('refused with what is wrong', () => {
  test('files of CTranslate2 that are cut short or changed anywhere', async () => {
    const bytes = whole();
    for (let length = 0; length < bytes.length; length += 97) await refusal(folder(bytes.slice(0, length)), 'ct2');
    for (const [at, value] of [
      [0, 7],
      [0, 1],
      [7, 0xff],
      [26, 0xff],
      [34, 0xff],
    ] as const) {
      const changed = bytes.slice();
      changed[at] = value;
      await refusal(folder(changed), 'ct2');
    }
  });

  test('archives of NumPy that are cut short, compressed or claim too much', async () => {
    const beside = { 'marian/opus.vocab.yml': '</s>: 0\n<unk>: 1\na: 2\n' };
    const bytes = npzBytes({ Wemb: { shape: [3, 4], values: new Float32Array(12) } });
    for (let length = 0; length < bytes.length; length += 7)
      await refusal({ ...beside, 'marian/model.npz': bytes.slice(0, length) }, 'marian');
    assert.match(await refusal({ ...beside, 'marian/model.npz': bytes }, 'marian'), /no special:model\.yml/);
    const compressed = bytes.slice();
    compressed[compressed.length - 22 - 46 - 'Wemb.npy'.length + 10] = 8;
    assert.match(await refusal({ ...beside, 'marian/model.npz': compressed }, 'marian'), /compressed arrays.*numpy\.savez/);
    const huge = npzBytes({ Wemb: { shape: [2 ** 30, 2 ** 30], values: new Float32Array(12) } });
    assert.match(await refusal({ ...beside, 'marian/model.npz': huge }, 'marian'), /Wemb in 48 bytes/);
  });

  test('pickles, with what to do instead', async () => {
    const message = await refusal({ 'hf/config.json': JSON.stringify(marian), 'hf/pytorch_model.bin': 'x' }, 'hf');
    assert.match(message, /pytorch_model\.bin: a pickle, which can run any program.*save_pretrained/);
  });

  test('architectures and options that decade does not have', async () => {
    const of = (configuration: object) =>
      refusal({ 'hf/config.json': JSON.stringify(configuration), 'hf/model.safetensors': safetensors({}) }, 'hf');
    assert.match(await of({ model_type: 'umt5' }), /model_type: UMT5, whose every layer has relative biases of its own/);
    assert.match(await of({ model_type: 'mamba' }), /model_type: "mamba"; expected marian, m2m_100, gpt2, llama, t5, mt5/);
    assert.match(await of({ ...marian, normalize_before: true }), /normalize_before: true; expected false/);
    assert.match(await of({ ...marian, d_model: 'x' }), /d_model: 'x'; expected/);
    assert.match(await of({ ...marian, encoder_attention_heads: 3 }), /must divide model\.width/);
    assert.match(await of(marian), /no model\.shared\.weight/);
  });

  test('shards that lie elsewhere, or a tensor of another shape', async () => {
    const beside = { 'hf/config.json': JSON.stringify(marian) };
    const index = (name: string) => ({
      'hf/model.safetensors.index.json': JSON.stringify({ weight_map: { 'model.shared.weight': name } }),
    });
    assert.match(await refusal({ ...beside, ...index('../elsewhere.safetensors') }, 'hf'), /name of a file beside it/);
    assert.match(await refusal({ ...beside, ...index('part.safetensors') }, 'hf'), /part\.safetensors/);
    const wrong = safetensors({ 'model.shared.weight': [9, 5] });
    assert.match(
      await refusal({ ...beside, ...index('part.safetensors'), 'hf/part.safetensors': wrong }, 'hf'),
      /model\.shared\.weight of shape \[9, 5\]; expected \[10, 4\]/,
    );
  });

  test('what is no model', async () => {
    assert.match(await refusal({ 'folder/readme.md': '' }, 'folder'), /a folder of another kind; expected a folder of Hugging Face/);
    assert.match(await refusal({}, 'nowhere'), /nowhere: nothing is there; expected a folder of .* or an ARPA file/);
  });
});

const marian = {
  model_type: 'marian',
  vocab_size: 10,
  d_model: 4,
  encoder_layers: 1,
  decoder_layers: 1,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 8,
  decoder_ffn_dim: 8,
  activation_function: 'swish',
  max_position_embeddings: 16,
  pad_token_id: 9,
  eos_token_id: 0,
};

function safetensors(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
  let offset = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const begin = offset;
    offset += 4 * shape.reduce((product, dimension) => product * dimension, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [begin, offset] }];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const bytes = new Uint8Array(8 + header.length + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}
