import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { memoryFiles } from '../../src/core/memory-files.js';
import { decodeUtf8 } from '../../src/core/utf8.js';
import { type Line, readLines } from '../../src/data/lines.js';

/** The lines of a file that arrives in pieces of so many bytes. */
async function linesOf(contents: Uint8Array, name = 'text.gz', piece = contents.length): Promise<Line[]> {
  const files = {
    async *stream() {
      for (let at = 0; at < contents.length; at += piece) yield contents.subarray(at, at + piece);
    },
  };
  const lines: Line[] = [];
  for await (const block of readLines(files, name)) lines.push(...block);
  return lines;
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const zeros = new Uint8Array(700);
const long = Array.from({ length: 60_000 }, (_, line) => `line ${line} of many`);

test('gzip of several members, and with zeros behind it, is read whole, in whatever pieces it arrives', async () => {
  const [first, second, empty] = [gzipSync('a\nb'), gzipSync('c\nd\n'), gzipSync('')];
  for (const piece of [1, 7, first.length, first.length + 1, 10_000]) {
    assert.deepEqual(await linesOf(joined(first, second, empty, second), 'text', piece), ['a', 'bc', 'd', 'c', 'd'], `${piece}`);
    assert.deepEqual(await linesOf(joined(first, zeros), 'text.gz', piece), ['a', 'b'], `${piece}`);
  }
});

test('gzip that unpacks to more than a piece comes back whole', async () => {
  assert.deepEqual(await linesOf(gzipSync(long.join('\n'))), long);
});

test('gzip that was cut off is an error that names the line it has reached', async () => {
  const packed = gzipSync(long.join('\n'));
  await assert.rejects(linesOf(packed.subarray(0, packed.length >> 1)), (error: Error) => {
    const [, line] = /^text\.gz: line (\d+): the end of gzip data that was cut off/.exec(error.message) ?? [];
    assert.ok(Number(line) > 10_000 && Number(line) < 50_000, error.message);
    return true;
  });
  // What decides is that the checksum is missing: all lines are there.
  await assert.rejects(linesOf(packed.subarray(0, -1)), /text\.gz: line 60000: the end of gzip data that was cut off/);
  await assert.rejects(linesOf(packed.subarray(0, 5)), /text\.gz: line 1: the end of gzip data that was cut off/);
});

test('gzip that is damaged is an error, whether it can be unpacked or not', async () => {
  const packed = gzipSync('a\nb\n');
  packed.set([packed.at(-8) === 0 ? 1 : 0], packed.length - 8);
  await assert.rejects(linesOf(packed), /text\.gz: line 3: gzip data that is damaged/);
  await assert.rejects(linesOf(bytes(0x1f, 0x8b, 9, 9, 9, 9)), /text\.gz: line 1: gzip data that is damaged/);
  await assert.rejects(linesOf(joined(gzipSync('a\n'), Buffer.from('junk'))), /text\.gz: line 2: gzip data that is damaged/);
  await assert.rejects(linesOf(joined(gzipSync('a\n'), zeros, Buffer.from('junk'))), /gzip data with something else behind its end/);
});

const text = (characters: string, encoding: BufferEncoding) => new Uint8Array(Buffer.from(characters, encoding));
const tar = joined(text('name'.padEnd(257, '\0'), 'latin1'), text('ustar\0', 'latin1'), zeros);
const foreign: readonly (readonly [name: string, contents: Uint8Array, received: RegExp])[] = [
  ['xz', bytes(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4), /an xz archive.*xz -dk/],
  ['bzip2', text('BZh91AY&SY', 'latin1'), /a bzip2 archive.*bzip2 -dk/],
  ['zstd', bytes(0x28, 0xb5, 0x2f, 0xfd, 0, 0), /a zstd archive.*zstd -dk/],
  ['zip', text('PK\x03\x04word', 'latin1'), /a zip archive.*unzip/],
  ['tar', tar, /a tar archive.*tar -xf/],
  ['a packed tar', gzipSync(tar), /a tar archive.*tar -xf/],
  ['UTF-16 with a mark', text('\uFEFFeins\n', 'utf16le'), /text in UTF-16;.*iconv -f UTF-16 /],
  ['UTF-16 without one', text('eins zwei\ndrei\n', 'utf16le'), /text in UTF-16;.*iconv -f UTF-16LE /],
  ['UTF-16 of the other order', text('eins zwei\n', 'utf16le').map((_, at, all) => all[at ^ 1] ?? 0), /UTF-16;.*UTF-16BE/],
];

for (const [name, contents, received] of foreign) {
  test(`${name} is called what it is, under any name`, async () => {
    for (const piece of [1, 3, contents.length]) await assert.rejects(linesOf(contents, 'pairs.txt', piece), received);
    if (!name.includes('packed')) assert.throws(() => decodeUtf8(contents, 'pairs.txt'), received);
  });
}

test('text that begins nearly as an archive is text', async () => {
  const files = memoryFiles({ a: 'BZh91 is a postcode\n', b: 'PK\n', c: '7z\n', d: 'a\n', e: 'a\0b c d e\n' });
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    for await (const [line] of readLines(files, name)) assert.equal(`${line}\n`, await files.readText(name));
  }
});
