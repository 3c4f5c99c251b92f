import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Tokenizer, unknownId } from '../../src/text/tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';

const lines = ['one two three', 'l’un, deux (trois)', 'one three'];
const words = await trainTokenizer(lines, { kind: 'word' });
const small = await trainTokenizer(lines, { kind: 'word', lowercase: true });
const bytePairs = await trainTokenizer(lines, { kind: 'bpe', size: 290 });
const characters = await trainTokenizer(lines, { kind: 'character' });

/** What is written when `text` follows a beginning. */
function continued(tokenizer: Tokenizer, beginning: string, text: string): string {
  const given = tokenizer.encodeBeginning(beginning);
  return tokenizer.decode([...(given?.ids ?? []), ...tokenizer.encode(text)], { beginning: given });
}

test('a beginning stands as it was given, whatever of it is known', () => {
  for (const tokenizer of [words, small, bytePairs]) {
    for (const beginning of ['Zebra 1', 'one', 'Zebra-(Qux)', 'e\u0301toile 漢字', 'two  one', '🎉', 'ONE \u00A0!']) {
      assert.equal(continued(tokenizer, beginning, 'two'), `${beginning} two`);
    }
  }
});

test('spaces at its ends are none of its words, and it is one line', () => {
  assert.equal(continued(words, ' \tZebra\u2003\n', 'two'), 'Zebra two');
  assert.equal(continued(bytePairs, 'one\nZebra\u2028x', 'two'), 'one Zebra x two');
  for (const tokenizer of [words, bytePairs, characters]) {
    for (const nothing of ['', '  ', '\u200B']) assert.equal(tokenizer.encodeBeginning(nothing), undefined);
  }
});

test('a space at its end is a character of a model of characters', () => {
  const space = characters.encode('a b')[1];
  assert.deepEqual(characters.encodeBeginning('one ')?.ids, [...characters.encode('one'), space]);
  assert.equal(continued(characters, 'one ', 'two'), 'one two');
  assert.equal(continued(characters, 'one', 'two'), 'onetwo');
  assert.equal(continued(characters, 'Zebra  ', 'two'), 'Zebra two');
  assert.ok(characters.encodeBeginning('Zebra')?.ids.includes(unknownId));
});

test('bytes that end a line are written as a space', () => {
  const byte = (value: number) => 4 + value;
  const two = bytePairs.encode('two');
  for (const bytes of [[0x0a], [0x0d], [0x0b], [0x0c], [0x1c], [0xc2, 0x85], [0xe2, 0x80, 0xa8], [0xe2, 0x80, 0xa9], [0x1b], [0x00]]) {
    assert.equal(bytePairs.decode([...two, ...bytes.map(byte), ...two]), 'two  two');
  }
  assert.equal(bytePairs.decode([...two, unknownId], { unknown: () => 'a\nb\tc' }), 'two a b c');
  assert.equal(words.decode([unknownId], { unknown: () => 'a\r\nb' }), 'a  b');
});
