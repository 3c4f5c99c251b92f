import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import { StoppedText } from '../../../src/decoding/generation/stopped-text.js';
import { TextPieces } from '../../../src/decoding/generation/text-pieces.js';
import { byteString } from '../../../src/decoding/sampling/stop-strings.js';
import { importTokenizer } from '../../../src/text/imported/import-tokenizer.js';
import type { Tokenizer } from '../../../src/text/tokenizer.js';
import { trainTokenizer } from '../../../src/text/train-tokenizer.js';
import { bytePair, modelBytes } from '../../text/small-models.js';

const text = 'a bat and a cat sat; naïve cafés (12.5) don’t, über-l’avion';
const tokenizers: [string, Tokenizer][] = [
  ['bpe', await trainTokenizer([text, text], { kind: 'bpe', size: 300 })],
  ['word', await trainTokenizer([text, text], { kind: 'word', size: 20 })],
  ['character', await trainTokenizer([text, text], { kind: 'character', size: 40 })],
  ['bytes', await trainTokenizer([], { kind: 'bytes' })],
];

/** As Llama's: what the vocabulary lacks is spelt in bytes, each of which decoding shows until all in a row are characters. */
const tokenizerJson = {
  version: '1.0',
  added_tokens: [],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  decoder: {
    type: 'Sequence',
    decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }],
  },
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    byte_fallback: true,
    vocab: Object.fromEntries(bytePair.pieces.map(([token], id) => [token, id])),
    merges: [],
  },
};
const imported = Object.entries({
  'tokenizer.json': new TextEncoder().encode(JSON.stringify(tokenizerJson)),
  'tokenizer.model': modelBytes(bytePair),
}).map(([file, contents]): [string, Tokenizer] => {
  return [file, importTokenizer(new Map([[file, contents]]), { where: 'llama', target: {} }).target];
});

function piecesOf(tokenizer: Tokenizer, before: readonly number[], ids: readonly number[]): string[] {
  const pieces = new TextPieces(tokenizer, before);
  return [...ids.map((id) => pieces.push(id)), pieces.end()];
}

describe('pieces of text', () => {
  for (const [name, tokenizer] of [...tokenizers, ...imported]) {
    test(`joined are the text of all tokens, after any beginning: ${name}`, () => {
      const ids = tokenizer.encode(`${text} 🙂 日本語 ${text}`);
      assert.equal(piecesOf(tokenizer, [], ids).join(''), tokenizer.decode(ids));
      for (let start = 1; start < ids.length; start++) {
        // A beginning may end within a character, which then belongs to what follows.
        const beginning = piecesOf(tokenizer, [], ids.slice(0, start)).slice(0, -1).join('');
        assert.equal(beginning + piecesOf(tokenizer, ids.slice(0, start), ids.slice(start)).join(''), tokenizer.decode(ids));
      }
    });
  }

  for (const [name, tokenizer] of tokenizers) {
    test(`joined are the text of any tokens, also of bytes that are no characters: ${name}`, () => {
      for (let seed = 0; seed < 50; seed++) {
        const key = randomKey(seed, 'sample');
        const most = seed % 2 === 0 ? tokenizer.size : Math.min(tokenizer.size, 260);
        const ids = Array.from({ length: 40 }, (_, index) => 3 + uniformInteger(key, index, most - 3));
        assert.equal(piecesOf(tokenizer, [], ids).join(''), tokenizer.decode(ids));
      }
    });
  }

  test('what a beginning ends with is not given again, though it is U+FFFD', () => {
    for (const [name, tokenizer] of tokenizers) {
      assert.equal(piecesOf(tokenizer, tokenizer.encode('a \ufffd'), tokenizer.encode('a')).join('').trim(), 'a', name);
    }
  });

  test('none ends within a character, and each comes as soon as it is whole', () => {
    const [, tokenizer] = tokenizers[0] as [string, Tokenizer];
    const ids = tokenizer.encode('a 🙂 日 a');
    const pieces = piecesOf(tokenizer, [], ids);
    assert.deepEqual(
      pieces.filter((piece) => piece !== ''),
      ['a', ' ', '🙂', ' ', '日', ' a'],
    );
    assert.equal(pieces.length, ids.length + 1);
  });

  test('the bytes of tokens spell the text, with the space before a word', () => {
    for (const [name, tokenizer] of tokenizers) {
      const spelt = tokenizer.encode('a bat sat').map((id) => byteString(tokenizer.bytes(id)));
      assert.equal(spelt.join('').trimStart(), 'a bat sat', name);
      for (const special of [0, 1, 2]) assert.equal(tokenizer.bytes(special).length, 0);
    }
    const [, tokenizer] = tokenizers[0] as [string, Tokenizer];
    const bytes = tokenizer.encode('日').flatMap((id) => [...tokenizer.bytes(id)]);
    assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)).trim(), '日');
  });
});

describe('a text with stop strings', () => {
  /** What is given of pieces, one by one, and what at the end. */
  const given = (strings: readonly string[], pieces: readonly string[]) => {
    const stopped = new StoppedText(strings);
    return [...pieces.map((piece) => stopped.push(piece)), stopped.end(), stopped.isStopped];
  };

  test('ends before the first of them, across pieces and within one', () => {
    assert.deepEqual(given(['END'], ['xE', 'N', 'Dy', 'z']), ['x', '', '', '', '', true]);
    assert.deepEqual(given(['b', 'cd'], ['acdb']), ['a', '', true]);
  });

  test('holds back only what may be a beginning, and gives it when it is none', () => {
    assert.deepEqual(given(['aab'], ['a', 'a', 'a', 'c']), ['', '', 'a', 'aac', '', false]);
    assert.deepEqual(given(['aab'], ['xa']), ['x', 'a', false]);
    assert.deepEqual(given([], ['x', 'y']), ['x', 'y', '', false]);
  });

  test('never gives a part of one, however it is cut into pieces', () => {
    const whole = 'abcabdabcabcabd!';
    for (const strings of [['abcabd'], ['cabca', 'abd!'], ['d'], ['!', 'zz']]) {
      const ends = strings.map((string) => whole.indexOf(string)).filter((at) => at >= 0);
      for (let seed = 0; seed < 30; seed++) {
        const key = randomKey(seed, 'sample');
        const pieces: string[] = [];
        for (let at = 0; at < whole.length; ) {
          const length = 1 + uniformInteger(key, at, 3);
          pieces.push(whole.slice(at, at + length));
          at += length;
        }
        const found = given(strings, pieces).filter((piece) => typeof piece === 'string');
        assert.equal(found.join(''), whole.slice(0, Math.min(...ends)));
      }
    }
  });
});
