import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { unknownWords, WordCounter, WordList } from '../../src/text/word-list.js';

const lines = ['the cat sat on the mat', 'The dog, too: 12 days', 'l’eau 日本語です ภาษาไทย'];
const listOf = (texts: readonly string[], lowercase = false): WordList => {
  const counter = new WordCounter({ lowercase });
  for (const text of texts) counter.add(text);
  return counter.list();
};
const known = listOf(lines);
const bytePairs = await trainTokenizer(lines, { kind: 'bpe', size: 400, minimumCount: 1 });

test('words that only their pieces spell are unknown; figures and words that were seen are not', () => {
  for (const line of [...lines, '21 days, too', 'the dog sat', '', ' \u00A0']) assert.deepEqual(unknownWords(bytePairs, line, known), []);
  assert.deepEqual(unknownWords(bytePairs, 'the tam sat on the tam, the moe', known), ['tam', 'moe']);
  assert.deepEqual(unknownWords(bytePairs, 'the CAT', known), ['CAT'], 'no other case was seen');
});

test('characters that training has not shown are unknown, also of scripts without spaces', () => {
  assert.deepEqual(unknownWords(bytePairs, 'the cat 🎉 sat € 5', known), ['🎉', '€', '5']);
  assert.deepEqual(unknownWords(bytePairs, 'です日本', known), [], 'their words cannot be told apart');
  assert.deepEqual(unknownWords(bytePairs, '日本人', known), ['日本人']);
});

test('without a list only the vocabulary tells', () => {
  assert.deepEqual(unknownWords(bytePairs, 'the tam €', undefined), ['€']);
});

test('a vocabulary of words tells by itself', async () => {
  const words = await trainTokenizer(lines, { kind: 'word', size: 12 });
  const found = unknownWords(words, 'the zebra, the zebra and l’eau', known);
  assert.ok(found.includes('zebra') && !found.includes('the'));
  assert.equal(new Set(found).size, found.length);
});

test('case does not matter to a model that does not see it', async () => {
  const lower = await trainTokenizer(lines, { kind: 'bpe', size: 320, minimumCount: 1, lowercase: true });
  assert.deepEqual(unknownWords(lower, 'THE CAT', listOf(lines, true)), []);
});

test('a list is saved with the most frequent first, and joined with another', () => {
  const text = listOf(['b a b', 'c\u00ADd e\u0301', 'b 👩\u200D👩']).toText();
  assert.equal(text, 'b\n👩\na\ncd\né\n');
  const both = WordList.parse(text).and(WordList.parse('z\na\n'));
  assert.equal(both.toText(), 'b\n👩\na\ncd\né\nz\n');
  assert.deepEqual([both.has('z'), both.has(''), both.has('constructor')], [true, false, false]);
});
