import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodeUtf8, endsWithinCharacter, firstBrokenByte } from '../../src/core/utf8.js';

it('finds the first broken byte of every kind of ill-formed sequence', () => {
  const cases: [number[], number][] = [
    [[0x61, 0x80], 1], // a continuation without a lead
    [[0xc0, 0x80], 0], // overlong
    [[0x61, 0xc3], 1], // cut off
    [[0xe0, 0x9f, 0xbf], 0], // overlong
    [[0xed, 0xa0, 0x80], 0], // surrogate
    [[0xf0, 0x8f, 0xbf, 0xbf], 0], // overlong
    [[0xc3, 0xa9, 0xf4, 0x90, 0x80, 0x80], 2], // above U+10FFFF
    [[0xf0, 0x9f, 0x98], 0], // cut off
    [[0xff], 0],
  ];
  for (const [bytes, offset] of cases) {
    assert.equal(firstBrokenByte(Uint8Array.from(bytes)), offset, bytes.map((byte) => byte.toString(16)).join(' '));
    assert.throws(() => decodeUtf8(Uint8Array.from(bytes), 'f'), new RegExp(`f: line 1: byte 0x.* at offset ${offset},`));
  }
});

it('agrees with the decoder on random bytes, mutated from real text', () => {
  const text = new TextEncoder().encode('aé\u00a0ᄀ￿😀'.repeat(3));
  const strict = new TextDecoder('utf-8', { fatal: true });
  let state = 1;
  for (let round = 0; round < 2000; round++) {
    const bytes = text.slice();
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[(state >>> 8) % bytes.length] = state >>> 24;
    let valid = true;
    try {
      strict.decode(bytes);
    } catch {
      valid = false;
    }
    const offset = firstBrokenByte(bytes);
    assert.equal(offset === bytes.length, valid);
    assert.doesNotThrow(() => strict.decode(bytes.subarray(0, offset)));
  }
});

it('tells bytes that end within a character from those that end with one, or with none', () => {
  const begun = [[0x61, 0xc3], [0xe2], [0xe2, 0x82], [0xf0, 0x9f, 0x98]];
  const ended = [
    [],
    [0x61],
    [0xc3, 0xa9],
    [0xe2, 0x82, 0xac],
    [0xf0, 0x9f, 0x98, 0x80],
    [0xef, 0xbf, 0xbd],
    [0xff],
    [0xc0],
    [0x80, 0x80, 0x80],
  ];
  for (const [cases, expected] of [
    [begun, true],
    [ended, false],
  ] as const) {
    for (const bytes of cases) assert.equal(endsWithinCharacter(Uint8Array.from(bytes)), expected, String(bytes));
  }
});
