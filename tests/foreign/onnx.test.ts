import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type * as z from 'zod';
import type { Tokenizers } from '../../src/checkpoint/model-files.js';
import { Run } from '../../src/checkpoint/run.js';
import { exportModel } from '../../src/foreign/export.js';
import { lstmGraphs } from '../../src/foreign/onnx/lstm-graphs.js';
import { transformerGraphs } from '../../src/foreign/onnx/transformer-graphs.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { type Model, vocabularySizes } from '../../src/models/model.js';
import { load } from '../../src/load.js';
import { nodeFiles } from '../../src/node/files/files.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import type { Device } from '../../src/tensor/device.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';
import { OnnxModel, transformersJs } from './onnx-runtime.js';

type ModelOptionsInput = z.input<typeof modelOptions>;
const size = 11;
const transformer = { kind: 'transformer', encoderLayers: 2, decoderLayers: 2, width: 8, heads: 2, feedForward: 12 } as const;
const lstm = { kind: 'lstm', layers: 2, hidden: 6, embedding: 4 } as const;
const translators: Record<string, ModelOptionsInput> = {
  "decade's own Transformer": transformer,
  'Marian, an encoder of other sizes': { ...transformer, preset: 'marian', encoderHeads: 4, encoderFeedForward: 10 },
  'M2M100, shared keys, a table each': {
    ...transformer,
    heads: 4,
    keyValueHeads: 2,
    sinusoids: 'tensor2tensor',
    firstPosition: 2,
    activation: 'gelu',
    tiedEmbeddings: 'none',
  },
  'turned neighbours': { ...transformer, preset: 'llama', encoderLayers: 1, rotaryPairs: 'adjacent', outputBias: true },
  'an LSTM without attention': { ...lstm, reverseSource: false },
  'an LSTM with dot attention': { ...lstm, layers: 3, attention: 'dot', residual: true, hidden: 4, tiedEmbeddings: true },
  'an LSTM that reads both ways and feeds attention back': {
    ...lstm,
    layers: 3,
    attention: 'additive',
    bidirectional: true,
    residual: true,
    inputFeeding: true,
  },
};
const languageModels: Record<string, ModelOptionsInput> = {
  'GPT-2': { ...transformer, preset: 'gpt2', encoderLayers: 0, maximumLength: 8 },
  'Llama, shared keys': { ...transformer, preset: 'llama', encoderLayers: 0, keyValueHeads: 1, rotaryBase: 500 },
  'an LSTM': lstm,
};

/** Gives parameters random values, from -1 to 1. */
function place({ parameters }: Model, { memory }: Device): void {
  parameters.allocate(memory);
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  };
  for (const { value } of parameters) value.set(Array.from({ length: value.size }, next));
}

/** A model here and in ONNX Runtime. */
async function both(given: ModelOptionsInput, hasSource: boolean) {
  const options = modelOptions.parse(given);
  if (options.kind === 'ngram' || options.kind === 'phrase') throw new Error('what is counted is no graph');
  const device = await openTestDevice();
  const model = createModel(options, { source: hasSource ? size : undefined, target: size });
  place(model, device);
  const { shapes } = model.parameters;
  const graphs = options.kind === 'lstm' ? lstmGraphs(options, shapes, hasSource) : transformerGraphs(options, shapes, hasSource);
  return { model, device, onnx: await OnnxModel.open(graphs, model.parameters) };
}

function assertSame(theirs: Float32Array | undefined, ours: number[], what: string): void {
  const most = Math.max(...ours.map((value, at) => Math.abs(value - (theirs?.[at] ?? Number.NaN))));
  assert.ok(most < 1e-4, `${what}: ${most}`);
  const best = (values: ArrayLike<number>) => Array.from(values).indexOf(Math.max(...Array.from(values)));
  assert.equal(best(theirs ?? []), best(ours), what);
}

describe('ONNX Runtime gives the logits of', () => {
  for (const [name, options] of Object.entries(translators)) {
    test(name, async () => {
      const { model, device, onnx } = await both(options, true);
      const sources = [
        [6, 9, 10, 4, 7],
        [5, 8],
      ];
      const end = options.kind === 'transformer' ? [2] : [];
      await onnx.encode(sources.map((ids) => [...ids, ...end]));
      const session = model.decode(device, sources);
      for (const ids of [Int32Array.of(1, 1), Int32Array.of(7, 4), Int32Array.of(9, 5)]) {
        const theirs = await onnx.read(Array.from(ids, (id) => [id]));
        const { logits, bias } = session.step(ids);
        for (const row of ids.keys()) {
          const ours = Array.from({ length: size }, (_, id) => (logits.f32[row * size + id] ?? 0) + (bias?.f32[id] ?? 0));
          assertSame(theirs[row], ours, `row ${row} after ${ids}`);
        }
      }
      session.dispose();
    });
  }
  for (const [name, options] of Object.entries(languageModels)) {
    test(`${name}, a prompt at once`, async () => {
      const { model, device, onnx } = await both(options, false);
      await onnx.encode([[]]);
      const session = model.decode(device, [[]]);
      for (const ids of [[1, 6, 9], [4], [7]]) {
        const [theirs] = await onnx.read([ids]);
        const { logits, bias } = session.read([ids]);
        const ours = Array.from({ length: size }, (_, id) => (logits.f32[id] ?? 0) + (bias?.f32[id] ?? 0));
        assertSame(theirs?.slice(-size), ours, `after ${ids}`);
      }
      session.dispose();
    });
  }
});

describe('transformers.js, from a folder of its own and without a network, gives the text of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'decade-onnx-'));
  const { pipeline } = transformersJs(folder);
  after(() => rmSync(folder, { recursive: true, force: true }));
  const lines = ['red green blue', 'one two three, four', 'green two', 'blue, four red one three'];

  const whole = { dtype: 'fp32', device: 'auto' } as const;

  /** A run of a model with random parameters, exported. */
  async function exported(name: string, given: ModelOptionsInput, tokenizers: Tokenizers): Promise<string> {
    const options = modelOptions.parse(given);
    const model = createModel(options, vocabularySizes(tokenizers));
    place(model, await openTestDevice());
    const run = join(folder, `${name}-run`);
    await Run.create(nodeFiles, run, {
      configuration: 'version: 1\n',
      origin: { options, decoding: { maximumLength: 12, beam: 1 }, seed: 1 },
      tokenizers,
      parameters: PlacedValues.of(model.parameters),
    });
    await exportModel(nodeFiles, run, { out: join(folder, name), to: 'onnx' });
    return run;
  }

  for (const [name, options] of Object.entries({
    own: { ...transformer, tiedEmbeddings: 'none', biases: false } as const,
    marian: { ...transformer, preset: 'marian' } as const,
  })) {
    test(`a translator (${name})`, async () => {
      const tokenizer = await trainTokenizer(lines, { kind: 'word' });
      const run = await exported(name, { ...options, width: 16 }, { source: tokenizer, target: tokenizer });
      const model = await load(nodeRuntime, run, { gemm: 'webassembly' });
      const ours = (await model.translate(lines, { forbidUnknown: true })).map(({ text }) => text);
      await model.dispose();
      assert.ok(new Set(ours).size > 1);
      const translator = await pipeline('translation', name, whole);
      for (const [index, line] of lines.entries()) {
        // One at a time: of several it writes on behind the end of those that have ended.
        const theirs = await translator(line, { max_new_tokens: 13, bad_words_ids: [0, 1, 3].map((id) => [id]) });
        assert.deepEqual(theirs, [{ translation_text: ours[index] }], line);
      }
    });
  }

  test('no LSTM, which is laid out alike', async () => {
    const tokenizer = await trainTokenizer(lines, { kind: 'word' });
    await exported('lstm', { ...lstm, attention: 'dot' }, { source: tokenizer, target: tokenizer });
    assert.deepEqual(readdirSync(join(folder, 'lstm', 'onnx')), ['decoder_model.onnx', 'encoder_model.onnx']);
    const { model_type, decoder_start_token_id } = JSON.parse(readFileSync(join(folder, 'lstm', 'config.json'), 'utf8'));
    assert.deepEqual([model_type, decoder_start_token_id], ['lstm', 1]);
  });

  for (const [name, options] of Object.entries({ gpt2: languageModels['GPT-2'], llama: languageModels['Llama, shared keys'] })) {
    test(`a language model (${name})`, async () => {
      const target = await trainTokenizer(lines, { kind: 'byte-bpe', size: 290 });
      const run = await exported(name, { ...options, width: 16, maximumLength: 64 } as ModelOptionsInput, { target });
      const model = await load(nodeRuntime, run, { gemm: 'webassembly' });
      const ours: string[] = [];
      for await (const { samples } of model.generateStream(lines, { topK: 1, maximumLength: 8 })) ours.push(samples[0]?.text ?? '');
      await model.dispose();
      const writer = await pipeline('text-generation', name, whole);
      const theirs = await writer(lines, { max_new_tokens: 8, return_full_text: false, do_sample: false });
      assert.deepEqual(
        theirs.flat().map((each) => (each as { generated_text: string }).generated_text),
        ours,
      );
    });
  }
});
