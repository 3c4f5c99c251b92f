import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Tokenizer as ReferenceTokenizer } from '@huggingface/tokenizers';
import type * as z from 'zod';
import { Run } from '../../src/checkpoint/run.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { exportModel } from '../../src/foreign/export.js';
import { importModel } from '../../src/foreign/import.js';
import { tokenizerFiles } from '../../src/foreign/written-tokenizers.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { vocabularySizes } from '../../src/models/model.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { importTokenizer } from '../../src/text/imported/import-tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';
import { modelBytes, unigram } from '../text/small-models.js';

const utf8 = new TextEncoder();
const lines = ['red green blue', 'one two three, four', 'green two'];
const sizes = { kind: 'transformer', decoderLayers: 1, width: 8, heads: 2, feedForward: 8 } as const;
const begin = 1;
const end = 2;
/** What stands before and behind the tokens of a text. */
const forms: Record<string, { options: z.input<typeof modelOptions>; isTranslator: boolean; before: number[]; behind: number[] }> = {
  'a Transformer that translates': { options: { ...sizes, encoderLayers: 1 }, isTranslator: true, before: [], behind: [end] },
  'one that reads no end of a source': {
    options: { ...sizes, encoderLayers: 1, sourceEnd: false },
    isTranslator: true,
    before: [],
    behind: [],
  },
  'an LSTM that translates': { options: { kind: 'lstm', layers: 1, hidden: 8 }, isTranslator: true, before: [], behind: [] },
  'a language model': { options: { ...sizes, encoderLayers: 0 }, isTranslator: false, before: [begin], behind: [] },
};

async function exported(options: z.input<typeof modelOptions>, isTranslator: boolean, to: 'hf' | 'onnx') {
  const tokenizer = await trainTokenizer(lines, { kind: 'bpe', size: 300 });
  const tokenizers = { ...(isTranslator && { source: tokenizer }), target: tokenizer };
  const model = createModel(modelOptions.parse(options), vocabularySizes(tokenizers));
  model.parameters.allocate((await openTestDevice()).memory);
  for (const [place, { value }] of [...model.parameters].entries())
    value.set(Array.from({ length: value.size }, (_, at) => Math.sin(at + place)));
  const files = memoryFiles();
  await Run.create(files, 'run', {
    configuration: 'version: 1\n',
    origin: { options: modelOptions.parse(options), decoding: {}, seed: 1 },
    tokenizers,
    parameters: PlacedValues.of(model.parameters),
  });
  await exportModel(files, 'run', { out: 'folder', to });
  return { files, tokenizer, model };
}

const parsed = async (files: Files, path: string) => JSON.parse(await files.readText(path));

describe("the tokenizer of an export, read by Hugging Face's implementation, gives the ids that decade reads, of", () => {
  for (const [name, { options, isTranslator, before, behind }] of Object.entries(forms)) {
    test(name, async () => {
      const { files, tokenizer } = await exported(options, isTranslator, 'onnx');
      const configuration = await parsed(files, 'folder/tokenizer_config.json');
      const theirs = new ReferenceTokenizer(await parsed(files, 'folder/tokenizer.json'), configuration);
      for (const line of lines) {
        const ids = tokenizer.encode(line);
        assert.deepEqual(theirs.encode(line).ids, [...before, ...ids, ...behind]);
        assert.equal(theirs.decode([begin, ...ids, end], { skip_special_tokens: true }), line);
      }
      assert.deepEqual([configuration.bos_token, configuration.eos_token], [tokenizer.token(begin), tokenizer.token(end)]);
    });
  }
});

test('the tensors of an export are where the specification of safetensors says, one behind the other to the end', async () => {
  const { files, model } = await exported({ ...sizes, preset: 'llama', encoderLayers: 0 }, false, 'hf');
  const bytes = await files.readBytes('folder/model.safetensors');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  assert.equal(start % 8, 0);
  const { __metadata__, ...tensors } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  assert.deepEqual(__metadata__, { format: 'pt' });
  let at = 0;
  for (const { dtype, shape, data_offsets } of Object.values(tensors).sort((one, other) => one.data_offsets[0] - other.data_offsets[0])) {
    assert.deepEqual([dtype, ...data_offsets], ['F32', at, at + 4 * shape.reduce((product, size) => product * size, 1)]);
    [, at] = data_offsets;
  }
  assert.equal(start + at, bytes.length);
  const embedding = tensors['model.embed_tokens.weight'];
  const own = model.parameters.get('target.embedding.table')?.value;
  assert.deepEqual(embedding?.shape, own?.shape);
  for (const [index, value] of (own?.f32 ?? []).entries())
    assert.equal(view.getFloat32(start + (embedding?.data_offsets[0] ?? 0) + 4 * index, true), value);
});

const opus = '../shared/goldens/hf/marian-opus';

test('the tokens of a T5 that stand behind its pieces are written beside them', () => {
  const of = (files: ReadonlyMap<string, string | Uint8Array>) =>
    importTokenizer(
      new Map([...files].map(([name, contents]) => [name, typeof contents === 'string' ? utf8.encode(contents) : contents])),
      {
        where: 't5',
        target: { size: 40 },
      },
    );
  for (const added of [{ additional_special_tokens: ['<extra_id_0>', '<extra_id_1>'] }, { '<extra_id_0>': 33, '<one>': 38 }]) {
    const name = 'additional_special_tokens' in added ? 'special_tokens_map.json' : 'added_tokens.json';
    const { target } = of(
      new Map<string, string | Uint8Array>([
        ['spiece.model', modelBytes(unigram)],
        [name, JSON.stringify(added)],
      ]),
    );
    const written = tokenizerFiles({ source: target, target, begins: false, ends: true }, 't5');
    assert.ok(written.has(name));
    assert.equal(of(written).target.toJson(), target.toJson());
  }
});

test('what is exported of an imported opus-mt has its SentencePiece models and its table', {
  skip: !existsSync(opus) && `${opus} is not here`,
}, async () => {
  const names = [
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'source.spm',
    'target.spm',
    'tokenizer_config.json',
    'vocab.json',
  ];
  const files = memoryFiles(Object.fromEntries(names.map((name) => [`theirs/${name}`, new Uint8Array(readFileSync(`${opus}/${name}`))])));
  await importModel(files, 'theirs', { out: 'run' });
  await exportModel(files, 'run', { out: 'ours' });
  for (const name of ['source.spm', 'target.spm'])
    assert.deepEqual(await files.readBytes(`ours/${name}`), new Uint8Array(readFileSync(`${opus}/${name}`)));
  assert.deepEqual(await parsed(files, 'ours/vocab.json'), await parsed(files, 'theirs/vocab.json'));
  const [ours, theirs] = [await parsed(files, 'ours/tokenizer_config.json'), await parsed(files, 'theirs/tokenizer_config.json')];
  for (const key of ['eos_token', 'unk_token', 'pad_token', 'tokenizer_class']) {
    if (key in theirs) assert.deepEqual(ours[key], theirs[key], key);
  }
});
