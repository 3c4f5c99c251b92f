import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from '../../src/compression/checksum.js';
import { BitEncoder } from '../../src/compression/bit-coder.js';
import { joined, littleEndian } from '../../src/compression/bytes.js';
import { CountingModel } from '../../src/compression/counting-model.js';
import { compress, type CompressOptions, decompress } from '../../src/compression/format.js';
import { writtenHeader } from '../../src/compression/header.js';
import { squash, stretch } from '../../src/compression/logistic.js';
import { DecadeError } from '../../src/core/errors.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { multilingualLines } from '../text/sample-text.js';

async function* pieces(bytes: Uint8Array, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let begin = 0; begin < bytes.length; begin += size) yield bytes.subarray(begin, begin + size);
}

async function whole(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece.slice());
  return Buffer.concat(all);
}

/** Without cells, which take the longest. */
const prediction = { cells: 0 };
const packed = (bytes: Uint8Array, options: CompressOptions = { prediction }) =>
  whole(compress(pieces(bytes), { size: bytes.length, ...options }));
const unpacked = (bytes: Uint8Array, size?: number) => whole(decompress(pieces(bytes, size), 'file.dcz'));

function noise(length: number, seed: number): Uint8Array {
  const key = randomKey(seed, 'corpus');
  return Uint8Array.from({ length }, (_, place) => uniformInteger(key, place, 256));
}

const text = new TextEncoder().encode(multilingualLines().join('\n'));

for (const [name, bytes] of Object.entries({
  nothing: new Uint8Array(),
  'one byte': Uint8Array.of(0),
  'text of many languages': text,
  'all bytes': Uint8Array.from({ length: 256 }, (_, byte) => byte),
  'noise of more than a block': noise(66_000, 1),
  'one byte repeated': new Uint8Array(5_000).fill(0x61),
})) {
  test(`${name} comes back exactly, whatever pieces it is read in, and is never much larger`, async () => {
    const code = await packed(bytes);
    assert.deepEqual(await unpacked(code, 7), Buffer.from(bytes));
    // Besides the 35 bytes around all blocks and the first.
    assert.ok(code.length - 35 <= 1.001 * bytes.length, `${code.length} bytes for ${bytes.length}`);
  });
}

const cats = new TextEncoder().encode('the cat sat on the mat; the cat sat on the hat; '.repeat(40));

test('the code depends on the text and its size alone', async () => {
  const [one, other] = [await whole(compress(pieces(text, 10), { size: text.length, prediction })), await packed(text)];
  assert.deepEqual(one, other);
  // The bits of the format: they must be the same on every engine and in every later version.
  assert.equal(crc32(await packed(cats, {})), 2_221_049_518);
});

test('what version 1 wrote, with counting models alone, is read', async () => {
  const [memory, encoder] = [10, new BitEncoder()];
  const model = new CountingModel(memory);
  for (const byte of cats) {
    for (let place = 7; place >= 0; place--) {
      const bit = ((byte >> place) & 1) as 0 | 1;
      encoder.encode(bit, model.predict());
      model.update(bit);
    }
  }
  const code = encoder.finish();
  const block = joined(littleEndian([cats.length, 3], [code.length, 3], [crc32(cats), 4]), code);
  const file = joined(writtenHeader({ kind: 'counting', memory }), block, littleEndian([0, 3], [cats.length, 6]));
  assert.equal(crc32(file), 1_414_340_565);
  assert.deepEqual(await unpacked(file), Buffer.from(cats));
});

test('what repeats becomes short', async () => {
  const code = await packed(new TextEncoder().encode('the cat sat on the mat. '.repeat(300)));
  assert.ok(code.length < 200, String(code.length));
});

test('a flipped bit anywhere, a cut or something behind the end is an error that names the place', async () => {
  const bytes = text.subarray(0, 1_000);
  const code = await packed(bytes);
  const refused = (error: unknown) => error instanceof DecadeError && error.kind === 'input' && /file\.dcz/.test(error.parts.where);
  const key = randomKey(5, 'corpus');
  for (let flip = 0; flip < 40; flip++) {
    const broken = code.slice();
    const place = uniformInteger(key, 2 * flip, code.length);
    broken[place] = (broken[place] as number) ^ (1 << uniformInteger(key, 2 * flip + 1, 8));
    await assert.rejects(unpacked(broken), refused, `byte ${place}`);
  }
  for (const length of [0, 5, 9, 15, 100, code.length - 1])
    await assert.rejects(unpacked(code.subarray(0, length)), refused, `cut to ${length}`);
  await assert.rejects(unpacked(Buffer.concat([code, Uint8Array.of(0)])), refused);
});

test('a header that asks for too much memory, or is of a newer version, is refused before anything is allocated', async () => {
  const headed = (...bytes: number[]) => {
    const header = Uint8Array.of(0x64, 0x63, 0x7a, ...bytes);
    const check = crc32(header);
    return Buffer.concat([header, Uint8Array.from({ length: 4 }, (_, byte) => (check >>> (8 * byte)) & 255), new Uint8Array(9)]);
  };
  await assert.rejects(unpacked(headed(1, 1, 30)), /memory 30/);
  await assert.rejects(unpacked(headed(3, 1, 18)), /version 3/);
  await assert.rejects(unpacked(headed(1, 9, 18)), /model 9/);
  assert.deepEqual(await unpacked(headed(1, 1, 10)), Buffer.alloc(0));
});

test('CRC-32 has its published check value', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
});

test('stretch is the inverse of squash to a step of its table', () => {
  for (let logOdds = -2_000; logOdds <= 2_000; logOdds += 40)
    assert.ok(Math.abs(squash(stretch(squash(logOdds))) - squash(logOdds)) <= 32, String(logOdds));
  assert.equal(squash(0), 32_768);
});
