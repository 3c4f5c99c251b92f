import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitsPerByteIntervals } from '../../../src/analysis/examination/examined-text.js';
import { costsOfLines, costsOfWords, lineNumbers } from '../../../src/analysis/examination/text-costs.js';

/** A document of these tokens, each of which costs one nat more than the one before; `</s>` last. */
function document(...tokens: string[]) {
  const spelt = [...tokens, ''].map((token) => new TextEncoder().encode(token));
  const perToken = {
    ids: [...spelt.keys()],
    logProbabilities: spelt.map((_, token) => -(token + 1)),
    bytesOf: (id: number) => spelt[id] ?? new Uint8Array(),
  };
  return { bytes: spelt.reduce((sum, { length }) => sum + length, 0), perToken };
}

test('tokens belong to the line that they stand in or end, and </s> to the last', () => {
  const lines = costsOfLines([document('a', ' dog', '.\n', '\n', 'no', ' cat\n'), document('x')], []);
  assert.deepEqual(lines, [
    { line: 1, text: 'a dog.', bytes: 7, tokens: 3, logProbability: -6 },
    { line: 2, text: '', bytes: 1, tokens: 1, logProbability: -4 },
    { line: 3, text: 'no cat', bytes: 7, tokens: 3, logProbability: -18 },
    { line: 4, text: 'x', bytes: 1, tokens: 2, logProbability: -3 },
  ]);
});

test('a token may end several lines, a character may be several tokens, and what a vocabulary lacks is shown', () => {
  const [first, second, third] = costsOfLines([document('a\n\nb', '', 'c')], []);
  assert.deepEqual([first?.text, second?.text, third?.text], ['a', '', 'b⁇c']);
  assert.deepEqual([first?.logProbability, second?.logProbability, third?.logProbability], [-1, 0, -9]);
  const [euro] = costsOfLines(
    [
      {
        bytes: 3,
        perToken: {
          ids: [0, 1, 2, 3],
          logProbabilities: [-1, -1, -1, -1],
          bytesOf: (id) => Uint8Array.of(...([[0xe2], [0x82], [0xac]][id] ?? [])),
        },
      },
    ],
    [],
  );
  assert.deepEqual([euro?.text, euro?.bytes], ['€', 3]);
});

test('a document of one line has its own bytes, whatever spaces its tokens carry', () => {
  assert.deepEqual(costsOfLines([{ ...document(' the', ' dog'), bytes: 7 }], [])[0], {
    line: 1,
    text: 'the dog',
    bytes: 7,
    tokens: 3,
    logProbability: -6,
  });
});

test('a document without a token has no line, as no figure of the whole counts it', () => {
  const lines = costsOfLines([document(' the'), document(), document(' dog')], [[1], [2], [3]]);
  assert.deepEqual(
    lines.map(({ line, text }) => [line, text]),
    [
      [1, 'the'],
      [3, 'dog'],
    ],
  );
});

test('a word costs what its tokens do wherever it stands, with white space after it; marks at its ends are no part of it', () => {
  const words = costsOfWords([document('the', ' d', 'og', ' ', 'the', ','), document('dog', '\n')]);
  assert.deepEqual(
    words,
    [
      { word: 'the', occurrences: 2, logProbability: -(1 + 5 + 6) },
      { word: 'dog', occurrences: 2, logProbability: -(2 + 3 + 4 + 1 + 2) },
    ].sort((a, b) => a.logProbability - b.logProbability),
  );
});

test('what a vocabulary of words lacks is a word of its own, which costs its neighbours nothing', () => {
  const documents = [document(' the', '', '', ' sat', ',', ' ', '', '.')];
  assert.deepEqual(costsOfWords(documents), [
    { word: 'sat', occurrences: 1, logProbability: -(4 + 5 + 6) },
    { word: 'the', occurrences: 1, logProbability: -1 },
  ]);
  assert.equal(costsOfLines(documents, [])[0]?.text, 'the ⁇ ⁇ sat, ⁇.');
});

test('what rounding alone may have made is no difference between models, whatever resampling says', async () => {
  const lines = (factor: number) =>
    Array.from({ length: 50 }, (_, line) => ({
      line,
      text: 'x',
      bytes: 10 + (line % 7),
      tokens: 3,
      logProbability: -(5 + (line % 3)) * factor,
    }));
  const bytes = lines(1).reduce((sum, line) => sum + line.bytes, 0);
  const intervals = await bitsPerByteIntervals([lines(1), lines(1 + 2e-7), lines(1 + 1e-3)], bytes, {});
  const probabilities = intervals.map(({ difference }) => difference?.probability);
  assert.deepEqual(probabilities.slice(0, 2), [undefined, 1]);
  assert.ok((probabilities[2] ?? 1) < 0.05);
});

test('lines have the numbers of their file, whatever is left out between them, and are numbered on in the next', () => {
  const passage = (text: string, line: number, ends: boolean, path = 'a') => {
    return { bytes: Uint8Array.from(text, (character) => character.codePointAt(0) ?? 0), line, ends, path };
  };
  const passages = [passage('one', 2, true), passage('\xff\nfour\nfi', 3, false), passage('ve\n', 5, true), passage('x', 1, true, 'b')];
  assert.deepEqual(lineNumbers(passages, true), [[2], [4, 5, 6], [6]]);
  assert.deepEqual(lineNumbers(passages, false), [[2], [3, 4, 5, 6], [6]]);
  const lines = costsOfLines([document('one'), document('four\n', 'five\n')], lineNumbers(passages, true));
  assert.deepEqual(
    lines.map(({ line, text }) => [line, text]),
    [
      [2, 'one'],
      [4, 'four'],
      [5, 'five'],
    ],
  );
});
