import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { formatNbestLine, parseNbestLine } from '../../src/decoding/nbest.js';

const hypothesis = { features: 'logProbability= -1.500000', score: -1.5, further: [] };
const line = (text: string) => formatNbestLine(3, { ...hypothesis, text });

test('a text with separators in it is one field to every reader, and comes back', () => {
  assert.equal(line('a ||| b |||| c'), '3 ||| a ||&#124; b ||&#124;| c ||| logProbability= -1.500000 ||| -1.500000');
  assert.equal(line('a || b | c'), '3 ||| a || b | c ||| logProbability= -1.500000 ||| -1.500000');
  assert.equal(parseNbestLine(line('0 ||| F= -1 ||| -2'), 'list').hypothesis.text, '0 ||| F= -1 ||| -2');
});

test('spaces at the ends of a text come back, and those that Moses puts around a field do not count', () => {
  assert.equal(line(' a '), '3 ||| &#32;a&#32; ||| logProbability= -1.500000 ||| -1.500000');
  assert.equal(parseNbestLine('0 |||  a house   ||| F0= -1 ||| -1', 'list').hypothesis.text, 'a house');
});

test('any text comes back from a list, whatever escapes it holds already', () => {
  const key = randomKey(1, 'sample');
  const pieces = ['|', '||', '|||', ' ', '&#124;', '&#32;', '&amp;#124;', '&amp;#32;', 'amp;', '&', '#124;', 'a', '\u00A0', '\u3000'];
  const fixed = ['', ' ', '  ', '|||', '&#32;', ' &#32;', '||&#124;', '|||&#124;', '||&amp;amp;#124;', '\u3000a\u00A0'];
  const random = Array.from({ length: 20_000 }, (_, index) =>
    Array.from({ length: 1 + (index % 7) }, (_, at) => pieces[uniformInteger(key, 8 * index + at, pieces.length)]).join(''),
  );
  for (const text of [...fixed, ...random]) {
    assert.equal(line(text).split('|||').length, 4, JSON.stringify(text));
    assert.equal(parseNbestLine(line(text), 'list').hypothesis.text, text);
  }
});
