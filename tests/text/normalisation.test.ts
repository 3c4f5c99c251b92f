import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTokenizer } from '../../src/text/load-tokenizer.js';
import { normalise, oneLine } from '../../src/text/normalisation.js';
import { Pipeline } from '../../src/text/pipeline.js';
import { type TokenizerOptions, trainTokenizer } from '../../src/text/train-tokenizer.js';
import { awkwardLines, blankLines } from './sample-text.js';

const kinds: TokenizerOptions[] = [{ kind: 'bpe', size: 300 }, { kind: 'word' }, { kind: 'character' }];
const tokenizers = await Promise.all(kinds.map((options) => trainTokenizer(['soft example a b', 'ab'], options)));

test('a line with nothing to see is an empty line to every kind of tokenizer', () => {
  for (const line of blankLines) {
    for (const tokenizer of tokenizers)
      assert.deepEqual([tokenizer.normalise(line), tokenizer.encode(line)], ['', []], JSON.stringify(line));
  }
});

test('marks of where a line may break do not break a word', () => {
  for (const mark of ['\u00AD', '\u200B', '\u2060', '\uFEFF', '\u2064']) {
    for (const tokenizer of tokenizers) assert.deepEqual(tokenizer.encode(`ex${mark}ample`), tokenizer.encode('example'));
  }
  assert.equal(normalise('e\u00AD\u0301'), 'é', 'they are gone before the text is composed');
});

test('joiners, selectors, bidirectional marks and word ends of scripts without spaces are text', () => {
  for (const text of ['می\u200Cخواهم', '👩\u200D👧', '❤\uFE0F', 'ប\u200Bខ', 'a\u200E (b)', 'ᠮ\u180Eᠠ']) assert.equal(normalise(text), text);
  const pieces = new Pipeline({ segmentation: 'subwords', lowercase: false, normalisation: 2 });
  assert.deepEqual(pieces.pieces('ᠮ\u180Eᠠ می\u200Cخواهم'), [' ᠮ\u180Eᠠ', ' می\u200Cخواهم']);
});

test('spaces that carry meaning are kept, and what NFC excludes from composing stays decomposed', () => {
  assert.equal(normalise('a\u3000b\u00A0c\u202Fd\u2007e'), 'a\u3000b\u00A0c\u202Fd\u2007e');
  assert.equal(normalise('a\u2003\u2009 b'), 'a b');
  assert.equal(normalise('\u0958'), '\u0915\u093C');
});

test('one line has no character that any reader takes for the end of one', () => {
  assert.equal(oneLine('a\nb\rc\vd\fe\u0085f\u2028g\u2029h\u001Ci\u0000j\tk\u001Bl'), 'a b c d e f g h i j k l');
});

/** The rules of `tokenizer.json` as they were written before they had a second version. */
const first = {
  normalizer: [
    ['\\p{Cs}', '\uFFFD'],
    ['[\\x00-\\x08\\x0E-\\x1F\\x7F\\u0080-\\u0084\\u0086-\\u009F\\uFEFF]', ''],
    ['[\\t-\\r\\u0085\\u1680\\u2000-\\u200A\\u2028\\u2029\\u205F\\u3000]', ' '],
    'NFC',
    'Prepend',
    [' {2,}', ' '],
    [' $', ''],
  ],
  subwords: " ?[\\p{L}\\p{M}\\u200C\\u200D]+(?:['’](?=\\p{L}))?| ?\\p{N}| ?[^ \\p{L}\\p{M}\\u200C\\u200D\\p{N}]+| ",
};

test('the tokenizer of an older run loads and does what it was trained with', async () => {
  const file = JSON.parse((await trainTokenizer(['soft example', 'ab'], { kind: 'bpe', size: 300 })).toJson());
  file.normalizer.normalizers = first.normalizer.map((rule) => {
    if (rule === 'NFC') return { type: 'NFC' };
    if (rule === 'Prepend') return { type: 'Prepend', prepend: ' ' };
    const [pattern, content] = rule;
    return { type: 'Replace', pattern: { Regex: pattern }, content };
  });
  file.pre_tokenizer.pattern.Regex = first.subwords;
  const json = `${JSON.stringify(file, null, 1)}\n`;
  const older = await loadTokenizer(json, 'tokenizer.json');
  assert.equal(older.toJson(), json);
  assert.equal(older.normalise('a\u3000b ex\u00ADample'), 'a b ex\u00ADample');
  assert.deepEqual(older.encode('\u00A0\u200B'), [], 'a line with nothing to see is empty all the same');
});

test('to normalise twice changes nothing', () => {
  for (const line of [...awkwardLines, ...blankLines]) {
    for (const normalisation of [1, 2] as const) {
      const once = normalise(line, { normalisation });
      assert.equal(normalise(once, { normalisation }), once, JSON.stringify(line));
    }
  }
});
