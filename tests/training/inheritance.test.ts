import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { loadTokenizer } from '../../src/text/load-tokenizer.js';
import { configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import { requireTrainOptions } from '../../src/training/request-options.js';
import { train } from '../../src/training/train.js';
import { localContext } from './tiny-run.js';

const files = (): Files =>
  memoryFiles({
    'first.txt': 'the dog runs on the beach\n'.repeat(30),
    'second.txt': 'Über dem Strand: the dog?\n'.repeat(30),
    'french.tsv': 'the dog\tun été\nthe beach\tça va\n'.repeat(8),
    'pairs.tsv': 'un chien\tthe dog\ndes chiens\tthe dogs\n'.repeat(8),
  });

async function trained(
  context: Files,
  out: string,
  data: object,
  { model = {}, tokenizer, ...beginning }: { init?: string; initInto?: 'encoder'; model?: object; tokenizer?: object } = {},
) {
  const messages: string[] = [];
  const configuration = configurationOf({
    version: 1,
    data: data as ConfigurationInput['data'],
    tokenizer: { kind: 'character', ...tokenizer } as ConfigurationInput['tokenizer'] & object,
    model: 'kind' in model ? (model as ConfigurationInput['model']) : { kind: 'lstm', layers: 1, hidden: 8, ...model },
    // So small a step changes nothing, and what was moved can be seen.
    training: { optimizer: { kind: 'sgd', learningRate: 1e-30 }, batch: { sentences: 4 }, stop: { steps: 1 } },
  });
  const onEvent = (event: { kind: string; message?: string }) => event.kind === 'initialised' && messages.push(event.message ?? '');
  await train(localContext(context), configuration, { out, ...beginning, onEvent });
  return messages.join('\n');
}

async function parametersOf(context: Files, run: string): Promise<Map<string, { shape: readonly number[]; values: Float32Array }>> {
  const file = await SafetensorsFile.open(context, `${run}/model.safetensors`);
  const found = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [name, { shape, bytes }] of file.tensors) {
    const values = new Float32Array(bytes / 4);
    await file.read(name, 0, values);
    found.set(name, { shape, values });
  }
  await file.close();
  return found;
}

const tokenizerOf = async (context: Files, path: string) => loadTokenizer(await context.readText(path), path);
const text = (name: string, more: object = {}) => ({ train: { text: [name] }, context: 8, ...more });

test('a language model begins with another, and new characters get rows of their own', async () => {
  const context = files();
  await trained(context, 'first', text('first.txt'));
  const message = await trained(context, 'second', text('second.txt'), { init: 'first' });
  assert.match(message, /moved: decoder\.0; moved for the tokens that it knows: target\.embedding, output$/);
  const [former, present] = [await tokenizerOf(context, 'first/tokenizer.json'), await tokenizerOf(context, 'second/tokenizer.json')];
  assert.ok(present.size > former.size);
  for (let id = 0; id < former.size; id++) assert.equal(present.token(id), former.token(id));
  const [before, after] = [await parametersOf(context, 'first'), await parametersOf(context, 'second')];
  for (const [name, { values }] of before) assert.deepEqual(after.get(name)?.values.subarray(0, values.length), values, name);
  const table = after.get('target.embedding.table');
  assert.deepEqual(table?.shape, [present.size, 8]);
  assert.ok(
    table?.values.subarray(former.size * 8).some((value) => value !== 0),
    'new rows start as any do',
  );
});

test('a translator begins with a language model: its decoder is moved, the source has a vocabulary of its own', async () => {
  const context = files();
  await trained(context, 'lm', text('first.txt'));
  const message = await trained(context, 'translator', { train: { tsv: 'pairs.tsv' } }, { init: 'lm', model: { attention: 'dot' } });
  assert.match(message, /moved: target\.embedding, decoder\.0, output; new: .*source\.embedding.*encoder\.0.*attention/);
  assert.equal(await context.readText('translator/target-tokenizer.json'), await context.readText('lm/tokenizer.json'));
  assert.notEqual(await context.readText('translator/source-tokenizer.json'), await context.readText('lm/tokenizer.json'));
  const [before, after] = [await parametersOf(context, 'lm'), await parametersOf(context, 'translator')];
  for (const [name, { values }] of before) assert.deepEqual(after.get(name)?.values, values, name);
});

test('a translator of another language than the text: the vocabulary grows, and what it has no room for is told', async () => {
  const context = files();
  await trained(context, 'lm', text('first.txt'));
  const french = { train: { tsv: 'french.tsv' } };
  const message = await trained(context, 'translator', french, { init: 'lm' });
  assert.match(message, /moved for the tokens that it knows: target\.embedding, output;/);
  assert.doesNotMatch(message, /<unk>/);
  const [former, present] = [
    await tokenizerOf(context, 'lm/tokenizer.json'),
    await tokenizerOf(context, 'translator/target-tokenizer.json'),
  ];
  assert.deepEqual(
    Array.from({ length: former.size }, (_, id) => present.token(id)),
    Array.from({ length: former.size }, (_, id) => former.token(id)),
  );
  assert.equal(present.decode(present.encode('un été ça va')), 'un été ça va');
  const [before, after] = [await parametersOf(context, 'lm'), await parametersOf(context, 'translator')];
  for (const name of ['target.embedding.table', 'output.weight']) {
    const values = before.get(name)?.values;
    assert.deepEqual(after.get(name)?.values.subarray(0, values?.length), values, name);
  }

  const narrow = await trained(context, 'narrow', french, { init: 'lm', tokenizer: { sourceSize: 100, targetSize: former.size + 1 } });
  assert.match(
    narrow,
    /; only of the source: tokenizer\.verbatim .*, tokenizer\.sourceSize 100 .*; limits what the vocabulary grows by: tokenizer\.targetSize 20 /,
  );
  assert.match(narrow, /; of 88 tokens of the target 16 are <unk>$/);
});

test('a translator of other pairs: one vocabulary for both sides grows on both', async () => {
  const context = files();
  const shared = { tokenizer: { shared: true } };
  await trained(context, 'first', { train: { tsv: 'pairs.tsv' } }, shared);
  const message = await trained(context, 'second', { train: { tsv: 'french.tsv' } }, { init: 'first', ...shared });
  assert.match(message, /moved for the tokens that it knows: source\.embedding, target\.embedding, output$/);
  const present = await tokenizerOf(context, 'second/tokenizer.json');
  assert.equal(present.decode(present.encode('the beach, été')), 'the beach⁇ été');
});

test('a vocabulary that spells what it lacks does not grow, and says how much is spelt', async () => {
  const context = files();
  const spelling = { tokenizer: { kind: 'bpe', size: 300 } };
  await trained(context, 'lm', text('first.txt', { train: { text: ['first.txt'], documents: 'line' } }), spelling);
  const message = await trained(context, 'translator', { train: { tsv: 'french.tsv' } }, { init: 'lm', ...spelling });
  assert.match(message, /of \d+ tokens of the target \d+ are bytes of characters that the vocabulary lacks$/);
});

const transformer = { kind: 'transformer', decoderLayers: 1, width: 8, heads: 2 };

test('a translator without an encoder begins with a language model as a whole, the source with the vectors of the one vocabulary', async () => {
  const context = files();
  const model = { ...transformer, preset: 'llama' };
  await trained(context, 'lm', text('first.txt'), { model });
  const shared = { model, init: 'lm', tokenizer: { shared: true } };
  const message = await trained(context, 'translator', { train: { tsv: 'french.tsv' } }, shared);
  assert.match(
    message,
    /moved: decoder\.0, decoder\.norm; moved for the tokens that it knows: target\.embedding, source\.embedding from target\.embedding, output$/,
  );
  const known = (await parametersOf(context, 'lm')).get('target.embedding.table')?.values;
  const after = await parametersOf(context, 'translator');
  for (const side of ['source', 'target']) {
    assert.deepEqual(after.get(`${side}.embedding.table`)?.values.subarray(0, known?.length), known, side);
  }
  const separate = await trained(context, 'separate', { train: { tsv: 'french.tsv' } }, { ...shared, tokenizer: { shared: false } });
  assert.match(separate, /; new: source\.embedding/);
});

test('the encoder of a translator begins with a language model of its source', async () => {
  const context = files();
  const model = { ...transformer, encoderLayers: 1 };
  await trained(context, 'lm', text('first.txt'), { model });
  const beginning = { init: 'lm', initInto: 'encoder', model } as const;
  const message = await trained(context, 'translator', { train: { tsv: 'pairs.tsv' } }, beginning);
  assert.match(
    message,
    /moved: encoder\.0 from decoder\.0, encoder\.norm from decoder\.norm; moved for .*: source\.embedding from target\.embedding; new: target\.embedding, decoder\.0\.attention, .*, decoder\.norm$/,
  );
  const [before, after] = [await parametersOf(context, 'lm'), await parametersOf(context, 'translator')];
  const layers = [...before].filter(([name]) => /^decoder.*\.weight$/.test(name));
  assert.equal(layers.length, 4);
  for (const [name, { values }] of layers) assert.deepEqual(after.get(name.replace('decoder', 'encoder'))?.values, values, name);
  const known = before.get('target.embedding.table')?.values;
  assert.deepEqual(after.get('source.embedding.table')?.values.subarray(0, known?.length), known);
  assert.equal(
    (await tokenizerOf(context, 'translator/source-tokenizer.json')).token(10),
    (await tokenizerOf(context, 'lm/tokenizer.json')).token(10),
  );
  const target = await tokenizerOf(context, 'translator/target-tokenizer.json');
  assert.ok(!Array.from({ length: target.size }, (_, id) => target.token(id)).includes('r'), 'the target has a vocabulary of its own');
});

test('of learned positions those that both have are moved', async () => {
  const context = files();
  const positions = (maximumLength: number) => ({ model: { ...transformer, positions: 'learned', maximumLength } });
  await trained(context, 'first', text('first.txt'), positions(16));
  for (const [name, length, common] of [
    ['longer', 32, 16],
    ['shorter', 12, 12],
  ] as const) {
    const message = await trained(context, name, text('first.txt'), { init: 'first', ...positions(length) });
    assert.match(message, new RegExp(`moved for the positions that both have: target\\.positions \\(the first ${common}\\)$`));
    const [before, after] = [await parametersOf(context, 'first'), await parametersOf(context, name)];
    const [former, present] = [before, after].map((parameters) => parameters.get('target.positions.table')?.values.subarray(0, common * 8));
    assert.deepEqual(present, former);
    assert.equal(after.get('target.positions.table')?.values.length, length * 8);
  }
});

test('only an encoder of layers like those of a language model begins with one', async () => {
  const context = files();
  await trained(context, 'lm', text('first.txt'));
  const into = { init: 'lm', initInto: 'encoder' } as const;
  const [pairs, encoding] = [{ train: { tsv: 'pairs.tsv' } }, { ...transformer, encoderLayers: 1 }];
  for (const [data, model] of [
    [pairs, {}],
    [pairs, { ...encoding, encoderLayers: 0 }],
    [text('first.txt'), encoding],
  ] as const) {
    await assert.rejects(trained(context, 'none', data, { ...into, model }), /--init lm --init-into encoder: .*model\.kind: transformer/);
  }
  await trained(context, 'translator', pairs, { model: encoding });
  await assert.rejects(
    trained(context, 'none', pairs, { ...into, init: 'translator', model: encoding }),
    /: a translator; expected a language model/,
  );
  assert.equal(await context.kind('none'), 'missing');
  assert.throws(
    () => requireTrainOptions({ out: 'none', initInto: 'encoder' }),
    /--init-into encoder: no run to begin with; expected with --init/,
  );
});

test('a language model begins with a translator: the encoder is left behind', async () => {
  const context = files();
  await trained(context, 'translator', { train: { tsv: 'pairs.tsv' } });
  const message = await trained(context, 'lm', { train: { text: ['first.txt'], documents: 'line' }, context: 8 }, { init: 'translator' });
  assert.match(message, /left behind: .*encoder\.0/);
  const [before, after] = [await parametersOf(context, 'translator'), await parametersOf(context, 'lm')];
  assert.deepEqual(after.get('decoder.0.weightHidden')?.values, before.get('decoder.0.weightHidden')?.values);
});

test('a tokenizer that makes one line of a text is refused before there is a run, as it is without --init', async () => {
  const context = files();
  await trained(context, 'translator', { train: { tsv: 'pairs.tsv' } }, { tokenizer: { kind: 'bpe', size: 300 } });
  await assert.rejects(
    trained(context, 'lm', text('first.txt'), { init: 'translator' }),
    /--init translator, whose tokenizer is taken: tokenizer\.kind: 'bpe': bpe makes one line of a document.*\. Begin with another run/,
  );
  assert.equal(await context.kind('lm'), 'missing');
});

test('layers of another size are named and not moved; when no matrix fits, nothing is made', async () => {
  const context = files();
  await trained(context, 'lm', text('first.txt'));
  const deeper = await trained(context, 'deeper', text('first.txt'), { init: 'lm', model: { layers: 2 } });
  assert.match(deeper, /moved: target\.embedding, decoder\.0, output; new: decoder\.1/);
  const wider = await trained(context, 'wider', text('first.txt'), { init: 'lm', model: { embedding: 4 } });
  assert.match(wider, /not moved, of another shape: target\.embedding\.table \[\d+, 4\] \(\[\d+, 8\] there\), decoder\.0\.weightInput/);
  await assert.rejects(
    trained(context, 'none', text('first.txt'), { init: 'lm', model: { hidden: 16 } }),
    /lm\/model\.safetensors: .* of shape .* where the model has.*a run that has a matrix in common.*use the model options in .*config\.yaml/i,
  );
  assert.equal(await context.kind('none'), 'missing');
});

test('a text that begins with a translator of characters has lines as its documents, as the tokenizer joins lines', async () => {
  const context = files();
  await trained(context, 'translator', { train: { tsv: 'pairs.tsv' } });
  const begun = (out: string, more: object) =>
    trained(context, out, { train: { text: ['first.txt'], ...more }, context: 8 }, { init: 'translator' });
  await assert.rejects(begun('text', {}), /--init translator, whose tokenizer is taken: tokenizer\.verbatim: .*unless documents: line/);
  assert.match(await begun('lines', { documents: 'line' }), /moved/);
  assert.match(await context.readText('lines/config.yaml'), /verbatim: false/);
});
