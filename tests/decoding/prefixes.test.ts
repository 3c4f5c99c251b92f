import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ensembleModel } from '../../src/decoding/ensemble.js';
import { FrozenDevice } from '../../src/decoding/frozen-device.js';
import { LocalDecodingExecutor } from '../../src/decoding/local-executor.js';
import { Translator } from '../../src/decoding/translator.js';
import type { StepModel } from '../../src/models/model.js';
import { endId, type Tokenizer } from '../../src/text/tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { WordCounter } from '../../src/text/word-list.js';
import { openTestDevice } from '../tensor/devices.js';
import { TableModel } from './models.js';

const device = await openTestDevice();
const lines = ['one two three four five'];
const words = await trainTokenizer(lines, { kind: 'word' });
const bytePairs = await trainTokenizer(lines, { kind: 'bpe', size: 290, minimumCount: 1 });
const characters = await trainTokenizer(lines, { kind: 'character' });

/** Copies the source, token by token, and is sure of it. */
function copier(vocabulary: number, { attends = false, certainty = 30 } = {}): TableModel {
  const table = (source: readonly number[], target: readonly number[]) =>
    new Array<number>(vocabulary).fill(0).with(source[target.length] ?? endId, certainty);
  return new TableModel(vocabulary, table, { attends });
}

function translator(tokenizer: Tokenizer, model: StepModel = copier(tokenizer.size)): Translator {
  const counter = new WordCounter({ lowercase: false });
  for (const line of lines) counter.add(line);
  return new Translator(
    { sourceTokenizer: tokenizer, targetTokenizer: tokenizer, sourceWords: counter.list() },
    new LocalDecodingExecutor([new FrozenDevice(device, model.parameters)], model, []),
  );
}

test('a prefix stands as it was given, in every one of the n-best, with unknown words replaced and in ensembles', async () => {
  const line = { text: 'one two three four', prefix: 'Zebra e\u0301' };
  for (const unknownReplacement of ['none', 'attention', new Map([['one', 'X']])] as const) {
    const model = copier(words.size, { attends: true });
    for (const searched of [model, ensembleModel([model, model])]) {
      const [result] = await translator(words, searched).translate([line], { beam: 4, nbest: 4, unknownReplacement });
      assert.equal(result?.text, 'Zebra e\u0301 three four');
      assert.equal(result.nbest.length, 4);
      for (const { text } of result.nbest) assert.match(text, /^Zebra e\u0301( |$)/);
    }
  }
  const [spelt] = await translator(bytePairs).translate([{ text: 'one', prefix: 'Zebra 漢字\tx' }]);
  assert.match(spelt?.text ?? '', /^Zebra 漢字 x/);
});

test('a space at the end of the prefix of a model of characters is one of its characters', async () => {
  const [spaced, open] = await translator(characters).translate([
    { text: 'abcd three', prefix: 'Zeb ' },
    { text: 'abcd three', prefix: 'Zeb' },
  ]);
  assert.equal(spaced?.ids.length, open?.ids.length ?? 0);
  assert.match(spaced?.text ?? '', /^Zeb {1,2}three$/);
  assert.match(open?.text ?? '', /^Zeb.? three$/);
});

test('a result says which words are unknown and how sure the model is', async () => {
  const [known, unknown, empty] = await translator(bytePairs).translate(['two one', 'tow one', '\u00A0\u200B']);
  assert.deepEqual([known?.unknownSourceWords, unknown?.unknownSourceWords], [[], ['tow']]);
  assert.ok((known?.meanProbability ?? 0) > 0.99);
  assert.deepEqual([empty?.text, empty?.unknownSourceWords, empty?.meanProbability], ['', [], 1]);
  const hesitant = copier(words.size, { certainty: Math.log(words.size - 1) });
  const [even, forced] = await translator(words, hesitant).translate(['one two', { text: 'one two', prefix: 'Zebra' }], { beam: 1 });
  assert.ok(Math.abs((even?.meanProbability ?? 0) - 0.5) < 1e-5);
  assert.ok(Math.abs((forced?.meanProbability ?? 0) - 0.5) < 1e-5, 'what was forced is not held against it');
});

test('a dictionary is read in the form in which the model sees the source', async () => {
  const model = copier(words.size, { attends: true });
  const dictionary = new Map([
    ['Gene\u0300ve ', 'Gen\u00ADeva'],
    ['Zu\u0308rich', 'Zurich\nsee'],
  ]);
  const [result] = await translator(words, model).translate(['one Genève Zürich'], { unknownReplacement: dictionary });
  assert.equal(result?.text, 'one Geneva Zurich see');
});
