import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { contentHash } from '../../src/data/content-hash.js';

const mebibyte = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

test('contents are hashed by the MiB, in whatever chunks they come', async () => {
  const contents = Uint8Array.from({ length: 2 * mebibyte + 5 }, (_, index) => (index * 37 + (index >> 8)) & 255);
  for (const length of [0, 1, 5_000, mebibyte, contents.length]) {
    const whole = contents.subarray(0, length);
    const blocks = Array.from({ length: Math.floor(length / mebibyte) + 1 }, (_, block) =>
      whole.subarray(block * mebibyte, (block + 1) * mebibyte),
    );
    const expected = sha256(Buffer.concat(blocks.map(sha256))).toString('hex');
    for (const chunkBytes of [3_000, 700_000, 3 * mebibyte]) {
      const chunks = Array.from({ length: Math.ceil(length / chunkBytes) }, (_, chunk) =>
        whole.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes),
      );
      assert.equal(await contentHash(chunks), expected, `${length} bytes in chunks of ${chunkBytes}`);
    }
  }
});
