import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignText } from '../../src/alignment/align-text.js';
import { alignmentOptions } from '../../src/alignment/options.js';
import { pharaohLine } from '../../src/alignment/pharaoh.js';

const pair = (source: string, target: string) => ({ source, target });

test('a line without a pair has an empty alignment in its place, and the lexicon says what words are linked to', async () => {
  const lines = [pair('the house', 'la maison'), undefined, pair('The flower', 'la fleur'), pair('', 'x'), pair('house', 'maison')];
  const options = { ...alignmentOptions.parse({}), sides: 'both', split: 'spaces', lowercase: true } as const;
  const alignment = await alignText(lines, options);
  assert.deepEqual(Array.from(alignment.links(), pharaohLine), ['0-0 1-1', '', '0-0 1-1', '', '0-0']);
  assert.deepEqual(await alignment.lexicon(), [
    ['the', 'la'],
    ['house', 'maison'],
    ['flower', 'fleur'],
  ]);
});

test('the lexicon of a long text ends with the signal', async () => {
  const options = { ...alignmentOptions.parse({ iterations: 1 }), sides: 'both', split: 'spaces', lowercase: false } as const;
  const sentence = Array.from({ length: 100 }, (_, index) => `word${index}`).join(' ');
  const alignment = await alignText(new Array<ReturnType<typeof pair>>(2_000).fill(pair(sentence, sentence)), options);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), 0);
  await assert.rejects(alignment.lexicon({ signal: controller.signal }), /enough/);
});

test('punctuation is split off where that is asked for', async () => {
  const options = { ...alignmentOptions.parse({}), sides: 'forward', split: 'punctuation', lowercase: false } as const;
  const alignment = await alignText([pair('Yes!', 'Oui !'), pair('Yes.', 'Oui.')], options);
  assert.deepEqual(Array.from(alignment.links(), pharaohLine), ['0-0 1-1', '0-0 1-1']);
});

test('a document in one line keeps its place, is reported, and costs nothing', async () => {
  const document = 'la maison '.repeat(501);
  const told: [number, number][] = [];
  const onTooLong = (pair: number, words: number) => told.push([pair, words]);
  const options = { ...alignmentOptions.parse({}), sides: 'both', split: 'spaces', lowercase: false, onTooLong } as const;
  const alignment = await alignText([pair('the house', 'la maison'), pair('the house', document), pair('house', 'maison')], options);
  assert.deepEqual(Array.from(alignment.links(), pharaohLine), ['0-0 1-1', '', '0-0']);
  assert.deepEqual(told, [[1, 1002]]);
});
