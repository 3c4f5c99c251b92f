import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type * as z from 'zod';
import { lstmGraphs } from '../../src/foreign/onnx/lstm-graphs.js';
import { transformerGraphs } from '../../src/foreign/onnx/transformer-graphs.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { openTestDevice } from '../tensor/devices.js';
import { OnnxModel } from './onnx-runtime.js';

const size = 11;
const transformer = { kind: 'transformer', encoderLayers: 2, decoderLayers: 2, width: 8, heads: 2, feedForward: 12 } as const;
const lstm = { kind: 'lstm', layers: 2, hidden: 6, embedding: 4 } as const;
const translators: Record<string, z.input<typeof modelOptions>> = {
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
const languageModels: Record<string, z.input<typeof modelOptions>> = {
  'GPT-2': { ...transformer, preset: 'gpt2', encoderLayers: 0, maximumLength: 8 },
  'Llama, shared keys': { ...transformer, preset: 'llama', encoderLayers: 0, keyValueHeads: 1, rotaryBase: 500 },
  'an LSTM': lstm,
};

/** A model with values that tell its parameters apart, here and in ONNX Runtime. */
async function both(given: z.input<typeof modelOptions>, hasSource: boolean) {
  const options = modelOptions.parse(given);
  const device = await openTestDevice();
  const model = createModel(options, { source: hasSource ? size : undefined, target: size });
  model.parameters.allocate(device.memory);
  for (const [place, { value }] of [...model.parameters].entries()) {
    value.set(Array.from({ length: value.size }, (_, at) => 0.6 * Math.sin(3.1 * at + place)));
  }
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
