import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { intlCorpus } from '../../src/data/generators/intl.js';
import type { SentencePair, UnusableLine } from '../../src/data/sources.js';
import { corpusSource, readPairs } from '../../src/data/sources.js';

async function allPairs(files: Files, source: object): Promise<(SentencePair | UnusableLine)[]> {
  const pairs = [];
  for await (const pair of readPairs(files, corpusSource.parse(source))) pairs.push(pair);
  return pairs;
}

const both = { source: 'a', target: 'b' };

/** Hands files over in pieces of so many bytes. */
function inPieces(files: Files, bytes: number): Files {
  return {
    ...files,
    async *stream(path) {
      const whole = await files.readBytes(path);
      const reused = new Uint8Array(bytes);
      for (let start = 0; start < whole.length; start += bytes) {
        const piece = whole.subarray(start, start + bytes);
        reused.set(piece);
        yield reused.subarray(0, piece.length);
      }
    },
  };
}

test('parallel files give a pair a line, with the last line whether it is ended or not', async () => {
  const expected = [
    { line: 1, source: 'one', target: 'un' },
    { line: 2, source: '', target: 'vide' },
    { line: 3, source: 'three', target: 'trois' },
  ];
  const files = memoryFiles({ a: 'one\n\nthree', b: 'un\nvide\ntrois\n' });
  assert.deepEqual(await allPairs(files, both), expected);
});

test('only a line feed ends a line, and a byte order mark is skipped once', async () => {
  const files = memoryFiles({ a: '\uFEFFone\r\ntwo\u2028still\u0085two\r\n\uFEFFthree\rthree', b: '1\n2\n3\n' });
  assert.deepEqual(
    (await allPairs(files, both)).map((pair) => ('source' in pair ? pair.source : undefined)),
    ['one', 'two\u2028still\u0085two', '\uFEFFthree\rthree'],
  );
});

test('the pieces in which a file arrives make no difference', async () => {
  const text = '\uFEFFzwölf Boxkämpfer\r\n\n\u{1F600} ünïcödé\nlast';
  const files = memoryFiles({ a: text, b: gzipSync('1\n2\n3\n4') });
  const whole = await allPairs(files, both);
  assert.equal(whole.length, 4);
  for (const bytes of [1, 2, 3, 7]) assert.deepEqual(await allPairs(inPieces(files, bytes), both), whole);
});

test('broken UTF-8 costs its own line only', async () => {
  const files = memoryFiles({ a: Uint8Array.from([0x61, 0x0a, 0x62, 0xff, 0x0a, 0x63, 0x0a, 0xc3]), b: '1\n2\n3\n4\n' });
  assert.deepEqual(await allPairs(files, both), [
    { line: 1, source: 'a', target: '1' },
    { line: 2, unusable: 'encoding' },
    { line: 3, source: 'c', target: '3' },
    { line: 4, unusable: 'encoding' },
  ]);
});

test('a TSV file gives its two columns, other lines are reported', async () => {
  const files = memoryFiles({ 'pairs.tsv': 'one\tun\nno tab\na\tb\tc\ntwo\tdeux\r\n' });
  assert.deepEqual(await allPairs(files, { tsv: 'pairs.tsv' }), [
    { line: 1, source: 'one', target: 'un' },
    { line: 2, unusable: 'columns' },
    { line: 3, unusable: 'columns' },
    { line: 4, source: 'two', target: 'deux' },
  ]);
});

test('gzip is unpacked, whatever the name', async () => {
  const files = memoryFiles({ 'a.gz': gzipSync('one\n'), b: gzipSync('un\n'), 'empty.gz': gzipSync('') });
  assert.deepEqual(await allPairs(files, { source: 'a.gz', target: 'b' }), [{ line: 1, source: 'one', target: 'un' }]);
  assert.deepEqual(await allPairs(files, { tsv: 'empty.gz' }), []);
});

test('a name that ends in .gz is a promise', async () => {
  const files = memoryFiles({ 'text.gz': 'a\tb\n', 'NOTHING.GZ': '' });
  await assert.rejects(allPairs(files, { tsv: 'text.gz' }), /^DecadeError: text\.gz: a file that is not gzip/);
  await assert.rejects(allPairs(files, { tsv: 'NOTHING.GZ' }), /^DecadeError: NOTHING\.GZ: an empty file; expected gzip/);
});

test('different line counts are an error that names both, whichever file is longer', async () => {
  const long = 'fifteen letters\n'.repeat(9_000);
  const files = memoryFiles({ a: long, b: 'y\n'.repeat(12), c: long.slice(0, -1) });
  await assert.rejects(allPairs(files, { source: 'a', target: 'b' }), /a and b: 9000 and 12 lines/);
  await assert.rejects(allPairs(files, { source: 'b', target: 'a' }), /b and a: 12 and 9000 lines/);
  assert.equal((await allPairs(files, { source: 'a', target: 'c' })).length, 9_000);
});

test('a missing file and a directory are named', async () => {
  const files = memoryFiles({ a: 'x\n', 'folder/b': 'y\n' });
  await assert.rejects(allPairs(files, { source: 'a', target: 'missing' }), /missing: no such file/);
  await assert.rejects(allPairs(files, { tsv: 'folder' }), /folder: a directory/);
});

test('a line without an end is refused before it fills the memory', async () => {
  const files = {
    ...memoryFiles({}),
    async *stream(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1024 * 1024).fill(0x61);
    },
  };
  await assert.rejects(allPairs(files, { tsv: 'endless' }), /endless: line 1: more than 16 MiB without a line end/);
});

test('reading can stop early, and the file is let go', async () => {
  let released = 0;
  const files = {
    ...memoryFiles({}),
    async *stream(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new TextEncoder().encode('a\tb\n');
      } finally {
        released++;
      }
    },
  };
  for await (const pair of readPairs(files, { tsv: 'endless' })) if (pair.line === 5) break;
  for await (const pair of readPairs(files, { source: 'endless', target: 'endless' })) if (pair.line === 5) break;
  assert.equal(released, 3);
});

test('a generator gives the parts of its corpus', async () => {
  const options = { pairs: 800, heldOut: 8, seed: 3 };
  const expected = intlCorpus({ from: 'en', to: 'pt-BR', ...options });
  const dev = await allPairs(memoryFiles({}), { generator: 'intl:en:pt-BR', split: 'dev', ...options });
  assert.deepEqual(
    dev,
    expected.dev.map(({ source, target }, position) => ({ line: position + 1, source, target })),
  );
  assert.equal((await allPairs(memoryFiles({}), { generator: 'intl:en-fr', ...options })).length, 800);
});

test('a source of another shape is refused', () => {
  for (const source of [{}, { source: 'a' }, { tsv: 'a', source: 'b' }, { generator: 'intl:en' }, { generator: 'x:en-fr' }]) {
    assert.equal(corpusSource.safeParse(source).success, false, JSON.stringify(source));
  }
});

test('a line of a TSV without a tab is told from one whose tab became spaces', async () => {
  const files = memoryFiles({ 'a.tsv': 'one\tun\ntwo    deux\nthree\ntwo words\na\tb\tc\n' });
  const found: unknown[] = [];
  for await (const pair of readPairs(files, { tsv: 'a.tsv' })) found.push('unusable' in pair ? pair.unusable : pair.target);
  assert.deepEqual(found, ['un', 'spaces', 'columns', 'columns', 'columns']);
});
