import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { type IdPair, predictedTokens, sizeOf } from '../../src/data/batch.js';
import { scoreBatch } from '../../src/decoding/score-batch.js';
import { search } from '../../src/decoding/search.js';
import { resolveOptions } from '../../src/core/options.js';
import { decodingOptions } from '../../src/decoding/options.js';
import { packTargets } from '../../src/models/lstm/batch.js';
import { LstmModel } from '../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../src/models/lstm/options.js';
import { whyNotLayered } from '../../src/models/lstm/separable-layers.js';
import { packPairs, unpackPairs } from '../../src/parallel/messages.js';
import { Scope } from '../../src/tensor/device.js';
import { Arena } from '../../src/tensor/memory.js';
import { Inference } from '../../src/tensor/tape.js';
import { beginId, endId } from '../../src/text/tokenizer.js';
import { openTestDevice } from '../tensor/devices.js';

const device = await openTestDevice();
after(() => device.matrix.dispose());

const text = [5, 6, 7, 8, 9, 10, 11];
/** The text in stretches of three: each token is predicted once, and `</s>` after the last. */
const stretches: IdPair[] = [
  { source: [], target: [5, 6, 7], key: 0, ends: false },
  { source: [], target: [8, 9, 10], key: 1, before: 7, ends: false },
  { source: [], target: [11], key: 2, before: 10 },
];

function languageModel(options: object = {}): LstmModel {
  const model = new LstmModel(lstmOptions.parse({ kind: 'lstm', hidden: 8, initialRange: 0.9, ...options }), { target: 13 });
  model.parameters.allocate(device.memory);
  model.parameters.initialise(1);
  return model;
}

function logProbabilitiesOf(model: LstmModel, pairs: readonly IdPair[]): number[][] {
  const arena = new Arena(device.memory);
  const losses = model.loss({ runner: new Inference(new Scope(device, arena)) }, pairs, { smoothing: 0, gradientScale: 0 });
  const found = losses.byPair().map((values) => Array.from(values));
  arena.dispose();
  return found;
}

function assertNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [index, value] of expected.entries())
    assert.ok(Math.abs((actual[index] as number) - value) < 1e-5, `${actual[index]} ${value}`);
}

test('a text that is cut into stretches is read from what came before, and every token is predicted once', () => {
  const { inputIds, outputIds, sentences, layout } = packTargets(stretches);
  const rowsOf = (ids: Int32Array, stretch: number) => {
    const column = sentences.indexOf(stretch);
    return Array.from({ length: layout.lengths[column] ?? 0 }, (_, step) => ids[(layout.offsets[step] ?? 0) + column]);
  };
  assert.deepEqual(
    [0, 1, 2].map((stretch) => rowsOf(inputIds, stretch)),
    [
      [beginId, 5, 6],
      [7, 8, 9],
      [10, 11],
    ],
  );
  assert.deepEqual(
    [0, 1, 2].flatMap((stretch) => rowsOf(outputIds, stretch)),
    [...text, endId],
  );
  assert.deepEqual(stretches.map(predictedTokens), [3, 3, 2]);
  assert.deepEqual(sizeOf(stretches), { sentences: 3, sourceTokens: 0, targetTokens: text.length + 1 });
});

test('stretches reach other devices as they are', () => {
  const unpacked = unpackPairs(packPairs(stretches));
  assert.deepEqual(
    unpacked.map(({ target, before, ends }) => [[...Array.from(target)], before, ends]),
    [
      [[5, 6, 7], undefined, false],
      [[8, 9, 10], 7, false],
      [[11], 10, true],
    ],
  );
});

test('a language model has no encoder, and the parameters of a decoder', () => {
  const model = languageModel({ layers: 2 });
  assert.deepEqual([...new Set(Array.from(model.parameters, ({ name }) => name.split('.')[0]))], ['target', 'decoder', 'output']);
  assert.equal(model.sentenceEncoder, undefined);
  assert.equal(model.summary.description, 'LSTM language model, 2 layers of 8 cells');
  assert.equal(model.summary.runName, '2x8');
  assert.match(String(whyNotLayered(model)), /no encoder/);
  model.parameters.dispose();
});

test('what a language model reads step by step is what its loss sees at once', () => {
  const model = languageModel({ residual: true, layers: 3 });
  const [ofText = [], ofStretch = []] = logProbabilitiesOf(model, [{ source: [], target: text, key: 0 }, stretches[1] as IdPair]);
  const session = model.decode(device, [[], []]);
  const { given } = session.read([
    [beginId, ...text, endId],
    [7, 8, 9, 10],
  ]);
  assertNear(given(0).logProbabilities, ofText);
  assertNear(given(1).logProbabilities, ofStretch);
  session.dispose();
  model.parameters.dispose();
});

test('a search goes on with a prefix, and gives what scoring its ids gives', async () => {
  const model = languageModel();
  const options = { ...resolveOptions(decodingOptions, { beam: 3 }, 'options'), maximumLength: 6 };
  const [hypotheses = []] = await search(model, device, [{ source: [], prefix: [5, 6] }], options);
  const [best] = hypotheses;
  assert.deepEqual([...(best?.ids.subarray(0, 2) ?? [])], [5, 6]);
  const [scored] = scoreBatch(model, device, [{ source: [], target: best?.ids ?? [] }]);
  assert.ok(Math.abs((best?.logProbability ?? 0) - (scored?.logProbability ?? 1)) < 1e-4);
  model.parameters.dispose();
});

test('a source is refused, and so are options that look at one', async () => {
  const model = languageModel();
  const refusal = (received: RegExp) => (error: unknown) => error instanceof DecadeError && received.test(error.message);
  assert.throws(() => logProbabilitiesOf(model, [{ source: [4], target: [5], key: 0 }]), refusal(/a source sentence for a language model/));
  assert.throws(() => model.decode(device, [[], [4]]), refusal(/sentence 1.*a source sentence for a language model/s));
  const options = resolveOptions(decodingOptions, {}, 'options');
  await assert.rejects(search(model, device, [{ source: [4] }], options), refusal(/a source of 1 tokens? for a language model/));
  assert.throws(() => languageModel({ attention: 'dot' }), refusal(/^model\.attention: .*model\.attention=none/s));
  assert.throws(() => languageModel({ bidirectional: true }), refusal(/^model\.bidirectional: .*model\.bidirectional=false/s));
  model.parameters.dispose();
});
