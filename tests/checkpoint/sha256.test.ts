import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Sha256 } from '../../src/checkpoint/sha256.js';

test('SHA-256 of every length around a block, fed in pieces of every size, is what the platform computes', () => {
  const bytes = Uint8Array.from({ length: 200 }, (_, index) => (index * 31 + 7) & 0xff);
  for (let length = 0; length <= bytes.length; length++) {
    const expected = createHash('sha256').update(bytes.subarray(0, length)).digest('hex');
    const hash = new Sha256();
    const piece = (length % 67) + 1;
    for (let start = 0; start < length; start += piece) hash.update(bytes.subarray(start, Math.min(start + piece, length)));
    assert.equal(hash.digest(), expected, `length ${length} in pieces of ${piece}`);
  }
});

test('SHA-256 of a message whose length in bits needs more than 32 bits', { timeout: 60_000 }, () => {
  const piece = new Uint8Array(1024 ** 2);
  const [hash, expected] = [new Sha256(), createHash('sha256')];
  for (let count = 0; count < 520; count++) {
    hash.update(piece);
    expected.update(piece);
  }
  assert.equal(hash.digest(), expected.digest('hex'));
});
