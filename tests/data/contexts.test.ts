import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { describe, test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { type IdPair, predictedTokens } from '../../src/data/batch.js';
import { type ContextOptions, withPrevious } from '../../src/data/contexts.js';
import { type Corpus, openCorpus } from '../../src/data/corpus.js';
import { readPassages, type TextSource } from '../../src/data/documents.js';
import { filterOptions } from '../../src/data/filter.js';
import { isByteTokenizer } from '../../src/text/byte-level.js';
import { beginId, endId } from '../../src/text/tokenizer.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';

const bytes = await trainTokenizer([], { kind: 'bytes' });
const texts = { 'a.txt': 'Two dogs run on the beach.\n\nA man sleeps.\n', 'b.txt': 'Nobody.\n', 'empty.txt': '' };
const files = memoryFiles(texts);

const open = (source: TextSource, contexts: ContextOptions, memoryLimit?: number): Promise<Corpus> =>
  openCorpus({
    files,
    source,
    targetTokenizer: bytes,
    filter: filterOptions.parse({}),
    contexts,
    cache: { files, directory: 'cache' },
    ...(memoryLimit !== undefined && { memoryLimit }),
  });

async function contextsOf(corpus: Corpus): Promise<IdPair[]> {
  const contexts = await corpus.read(Array.from({ length: corpus.pairs }, (_, context) => context));
  await corpus.close();
  return contexts;
}

/** What is predicted, one context after the other. */
function predicted(contexts: readonly IdPair[]): number[] {
  return contexts.flatMap(({ target, ends }) => [...Array.from(target), ...(ends === false ? [] : [endId])]);
}

/** What stands before each predicted token. */
function read(contexts: readonly IdPair[]): number[] {
  return contexts.flatMap((context) => [context.before ?? beginId, ...Array.from(context.target)].slice(0, predictedTokens(context)));
}

const idsOf = (text: string) => bytes.encode(text);
const shifted = (document: readonly number[]) => [beginId, ...document.slice(0, -1)];

describe('text is cut into contexts without losing a token', () => {
  const source: TextSource = { text: ['a.txt', 'empty.txt', 'b.txt'], documents: 'file' };
  const documents = [texts['a.txt'], texts['b.txt']].map((text) => [...idsOf(text), endId]);

  for (const context of [2, 7, 43, 44, 1_000]) {
    test(`contexts of ${context} end with documents`, async () => {
      const contexts = await contextsOf(await open(source, { context, across: false }));
      assert.deepEqual(predicted(contexts), documents.flat());
      assert.deepEqual(read(contexts), documents.flatMap(shifted));
      assert.ok(contexts.every((each) => predictedTokens(each) <= context && each.source.length === 0));
      assert.equal(
        contexts.length,
        documents.reduce((sum, { length }) => sum + Math.ceil(length / context), 0),
      );
    });

    test(`contexts of ${context} go on across documents, and <s> begins each`, async () => {
      const contexts = await contextsOf(await open(source, { context, across: true }));
      const [first = [], second = []] = documents;
      const stream = [...first, beginId, ...second];
      assert.deepEqual(predicted(contexts), stream);
      assert.deepEqual(read(contexts), shifted(stream));
      assert.ok(contexts.slice(0, -1).every((each) => predictedTokens(each) === context));
    });
  }

  test('a corpus that is read from the disk gives what one in memory gives, in any order', async () => {
    const contexts = { context: 5, across: false };
    const corpus = await open(source, contexts, 0);
    const order = [6, 0, 3, 3];
    const some = await corpus.read(order);
    await corpus.close();
    const all = await contextsOf(await open(source, contexts));
    assert.deepEqual(
      some.map(({ target, before, ends, key }) => [Array.from(target), before, ends, key]),
      order.map((context) => all[context]).map((each) => [Array.from(each?.target ?? []), each?.before, each?.ends, each?.key]),
    );
  });

  test('what was read is counted, and lengths are what batches are planned with', async () => {
    const corpus = await open(source, { context: 7, across: false });
    const size = texts['a.txt'].length + texts['b.txt'].length;
    assert.deepEqual(corpus.text, { documents: 2, bytes: size, words: 10 });
    assert.deepEqual([corpus.report.read, corpus.report.kept, corpus.report.dropped.empty.count], [3, 2, 1]);
    const planned = Array.from(corpus.lengths.target).reduce((sum, length) => sum + length + 1, 0);
    assert.equal(planned, size + 2);
    await corpus.close();
  });
});

test('a context is scored with the one before it, unless a document begins', async () => {
  const corpus = await open({ text: ['a.txt', 'b.txt'], documents: 'file' }, { context: 10, across: false });
  const contexts = await contextsOf(corpus);
  const windows = contexts.map((context, index) => withPrevious(contexts[index - 1], context));
  assert.deepEqual(
    windows.map(({ pair }) => predictedTokens(pair)),
    [10, 20, 20, 20, 13, 9],
  );
  assert.deepEqual(
    windows.map(({ predicted: own }) => own),
    contexts.map(predictedTokens),
  );
});

describe('documents', () => {
  const passages = async (source: TextSource, given = files) => {
    const found: { text: string; ends: boolean; line: number }[] = [];
    for await (const { bytes: content, ends, line } of readPassages(given, source)) {
      found.push({ text: new TextDecoder().decode(content), ends, line });
    }
    return found;
  };

  test('are files, paragraphs or lines; empty lines part paragraphs and are none', async () => {
    const text = ['a.txt', 'b.txt'];
    assert.deepEqual(
      (await passages({ text, documents: 'file' })).map((each) => each.text),
      [texts['a.txt'], texts['b.txt']],
    );
    const lines = memoryFiles({ x: '\uFEFFone\r\ntwo\n \t\n\n\nthree\n', y: 'four' });
    assert.deepEqual(await passages({ text: ['x', 'y'], documents: 'paragraph' }, lines), [
      { text: 'one\r\ntwo', ends: true, line: 1 },
      { text: 'three', ends: true, line: 6 },
      { text: 'four', ends: true, line: 1 },
    ]);
    const found = await passages({ text: ['x', 'y'], documents: 'line' }, lines);
    assert.deepEqual(
      found.map(({ text: line }) => line),
      ['one', 'two', ' \t', 'three', 'four'],
    );
  });

  test('paragraphs keep the line ends within them, and carriage returns alone are an empty line', async () => {
    const windows = memoryFiles({ x: 'one\r\ntwo\r\n\r\nthree\nfour\r\n\r\n\r\nfive\r' });
    assert.deepEqual(
      (await passages({ text: ['x'], documents: 'paragraph' }, windows)).map(({ text, line }) => [text, line]),
      [
        ['one\r\ntwo', 1],
        ['three\nfour', 4],
        ['five', 8],
      ],
    );
  });

  test('gzip is unpacked', async () => {
    const packed = memoryFiles({ 'a.gz': new Uint8Array(gzipSync('packed text')) });
    assert.deepEqual(
      (await passages({ text: ['a.gz'], documents: 'file' }, packed)).map(({ text }) => text),
      ['packed text'],
    );
  });

  test('a long document comes in parts that are cut in front of white space, so that its tokens are those of the whole', async () => {
    const words = Array.from({ length: 150_000 }, (_, word) => `w${word}${' \n\t'[word % 3]}${word % 7 === 0 ? '\u3000 ' : ''}`).join('');
    const long = memoryFiles({ long: words });
    const parts = await passages({ text: ['long'], documents: 'file' }, long);
    assert.ok(parts.length > 3 && parts.every(({ ends }, index) => ends === (index === parts.length - 1)));
    const tokenizer = await trainTokenizer([words.slice(0, 50_000)], { kind: 'byte-bpe', size: 500 });
    assert.ok(isByteTokenizer(tokenizer));
    assert.deepEqual(
      parts.flatMap(({ text }) => tokenizer.encode(text)),
      tokenizer.encode(words),
    );
    assert.equal(parts[2]?.line, 1 + ((parts[0]?.text ?? '') + (parts[1]?.text ?? '')).split('\n').length - 1);
  });
});

test('lines that are not UTF-8 are left out and counted, unless tokens are bytes', async () => {
  const broken = new Uint8Array([...new TextEncoder().encode('fine\n'), 0xff, 0xfe, 0x0a, ...new TextEncoder().encode('good\n')]);
  const given = memoryFiles({ 'broken.txt': broken });
  const character = await trainTokenizer(['fine\ngood\n'], { kind: 'character', verbatim: true });
  const opened = (tokenizer: typeof bytes) =>
    openCorpus({
      files: given,
      source: { text: ['broken.txt'], documents: 'file' },
      targetTokenizer: tokenizer,
      filter: filterOptions.parse({}),
      contexts: { context: 100, across: false },
      cache: { files: given, directory: 'cache' },
    });
  const text = await opened(character);
  assert.deepEqual(text.report.dropped.encoding, { count: 1, firstLine: 2, firstFile: 'broken.txt' });
  assert.equal(character.decode((await contextsOf(text))[0]?.target ?? []), 'fine\ngood\n');
  const raw = await opened(bytes);
  assert.equal(raw.report.dropped.encoding.count, 0);
  const [whole] = await contextsOf(raw);
  assert.ok(isByteTokenizer(bytes));
  assert.deepEqual(bytes.decodeBytes(whole?.target ?? []), broken);
});
