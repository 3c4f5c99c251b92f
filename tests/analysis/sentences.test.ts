import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalBins } from '../../src/analysis/examination/bins.js';
import { binsByLength } from '../../src/analysis/examination/by-length.js';
import { binsByRarity, FrequencyRanks } from '../../src/analysis/examination/by-rarity.js';
import { differences } from '../../src/analysis/examination/differences.js';
import { excessRepetition, repeatedWords } from '../../src/analysis/examination/repetition.js';
import { wordsOf } from '../../src/analysis/examination/words.js';

test('words are counted without punctuation and case, also where no spaces stand between them', () => {
  assert.deepEqual(wordsOf("The cat's 1,000 ideas – well-kept!"), ['the', "cat's", '1,000', 'ideas', 'well-kept']);
  assert.deepEqual(wordsOf(' … '), []);
  assert.ok(wordsOf('我喜欢读书').length > 1);
});

test('bins are of about the same size, keep equal values together and hold every sentence once', () => {
  const values = Array.from({ length: 1_000 }, (_, sentence) => (sentence * 7919) % 41);
  const bins = equalBins(values, 8);
  assert.ok(bins.length >= 6 && bins.length <= 8);
  assert.deepEqual(
    bins.flatMap(({ sentences }) => sentences).sort((a, b) => a - b),
    [...values.keys()],
  );
  for (const [index, { least, greatest, sentences }] of bins.entries()) {
    assert.ok(sentences.every((sentence) => (values[sentence] as number) >= least && (values[sentence] as number) <= greatest));
    assert.ok(sentences.length > 80, `${sentences.length} sentences`);
    if (index > 0) assert.ok((bins[index - 1]?.greatest ?? 0) < least);
  }
});

test('few or equal sentences make few bins', () => {
  assert.equal(equalBins([5, 5, 5, 5], 8).length, 1);
  assert.equal(equalBins([], 8).length, 0);
  assert.deepEqual(
    binsByLength(['one', 'one two three', 'one two']).map(({ least, sentences }) => [least, sentences]),
    [
      [1, [0]],
      [2, [2]],
      [3, [1]],
    ],
  );
});

test('a rare word ranks high, and one that was never seen highest', () => {
  const ranks = new FrequencyRanks(
    new Map([
      ['the', 100],
      ['cat', 10],
      ['axolotl', 1],
    ]),
  );
  assert.equal(ranks.mean('The cat'), 1.5);
  assert.equal(ranks.mean('axolotl, zebra'), 3.5);
  assert.equal(ranks.mean('…'), 0);
  assert.deepEqual(
    binsByRarity(['axolotl', 'the', 'zebra'], ranks).map(({ sentences }) => sentences),
    [[1], [0], [2]],
  );
});

test('words that only repeat what stands before them are counted, whatever the phrase', () => {
  assert.equal(repeatedWords('the cat the cat sat'), 2);
  assert.equal(repeatedWords('no no no no'), 3);
  assert.equal(repeatedWords('a b c a b c a b c'), 6);
  assert.equal(repeatedWords('the cat sat on the mat'), 0);
  assert.equal(excessRepetition('very very very good', 'very very good'), 1);
  assert.equal(excessRepetition('good', 'very very good'), 0);
});

test('what differs is marked, and the texts can be put together again', () => {
  const pairs = [
    ['the black cat sat.', 'the white cat sat down.'],
    ['', 'something'],
    ['same', 'same'],
    ['我喜欢书', '我读书'],
    ['a b c d e f', 'f e d c b a'],
    ['<b>x</b>', '<i>x</i>'],
  ] as const;
  for (const [one, other] of pairs) {
    const parts = differences(one, [other]);
    assert.equal(parts.one.map(({ text }) => text).join(''), one);
    assert.equal(parts.others[0]?.map(({ text }) => text).join(''), other);
  }
  const {
    one,
    others: [other = []],
  } = differences('the black cat sat.', ['the white cat sat down.']);
  const marked = (parts: typeof one) => parts.filter(({ differs }) => differs).map(({ text }) => text.trim());
  assert.deepEqual([marked(one), marked(other)], [['black'], ['white', 'down']]);
});

test('of several references, a word differs that none of them has', () => {
  const { one, others } = differences('a small dog sleeps here', ['the small dog sleeps', 'a little dog sleeps']);
  const marked = (parts: typeof one | undefined) => parts?.filter(({ differs }) => differs).map(({ text }) => text.trim());
  assert.deepEqual([marked(one), others.map(marked)], [['here'], [['the'], ['little']]]);
});

test('very long texts are compared by their ends, in little time', () => {
  const words = (letter: string) => Array.from({ length: 20_000 }, (_, index) => `${letter}${index}`).join(' ');
  const { one } = differences(`begin ${words('a')} end`, [`begin ${words('b')} end`]);
  assert.deepEqual(
    one.map(({ differs }) => differs),
    [false, true, false],
  );
});
