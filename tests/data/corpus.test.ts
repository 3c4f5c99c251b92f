import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { UnfinishedWork } from '../../src/core/unfinished.js';
import type { CorpusOptions, ReadingProgress } from '../../src/data/corpus.js';
import { openCorpus } from '../../src/data/corpus.js';
import { describeReport, filterOptions } from '../../src/data/filter.js';
import { nodeFiles } from '../../src/node/files/files.js';
import { ownSpecialIds, type Tokenizer } from '../../src/text/tokenizer.js';

/** A token for every character: its code. Counts how much it was asked to do. */
class CodeTokenizer implements Tokenizer {
  readonly kind = 'character';
  readonly special = ownSpecialIds;
  readonly size: number;
  encoded = 0;

  constructor(size = 300) {
    this.size = size;
  }

  encode(text: string): number[] {
    this.encoded++;
    return Array.from(text, (character) => (character.codePointAt(0) ?? 0) % this.size);
  }

  encodeWithOffsets(text: string): { ids: number[]; offsets: number[] } {
    return { ids: this.encode(text), offsets: [] };
  }

  encodeBeginning(text: string): { ids: number[]; text: string } {
    return { ids: this.encode(text), text };
  }

  isUnknown(): boolean {
    return false;
  }

  decode(ids: ArrayLike<number>): string {
    return String.fromCodePoint(...Array.from(ids));
  }

  normalise(text: string): string {
    return text;
  }

  bytes(id: number): Uint8Array {
    return new TextEncoder().encode(this.token(id));
  }

  token(id: number): string {
    return String.fromCodePoint(id);
  }

  toJson(): string {
    return JSON.stringify({ size: this.size });
  }
}

const count = 2000;
const sources = Array.from({ length: count }, (_, pair) => `source ${pair} ${'x'.repeat(pair % 23)}`);
const targets = Array.from({ length: count }, (_, pair) => `target ${pair} ${'y'.repeat(pair % 17)}`);
const texts = { 'train.en': `${sources.join('\n')}\n`, 'train.fr': `${targets.join('\n')}\n` };

function optionsFor(files: Files, changes: Partial<CorpusOptions> = {}): CorpusOptions & { sourceTokenizer: CodeTokenizer } {
  return {
    files,
    source: { source: 'train.en', target: 'train.fr' },
    targetTokenizer: new CodeTokenizer(),
    filter: filterOptions.parse({}),
    cache: { files, directory: 'cache' },
    ...changes,
    sourceTokenizer: new CodeTokenizer(),
  };
}

async function allTexts(options: CorpusOptions & { sourceTokenizer: CodeTokenizer }): Promise<{ sources: string[]; targets: string[] }> {
  const corpus = await openCorpus(options);
  const pairs = await corpus.read(Array.from({ length: corpus.pairs }, (_, pair) => pair));
  await corpus.close();
  return {
    sources: pairs.map((pair) => options.sourceTokenizer.decode(pair.source)),
    targets: pairs.map((pair) => options.targetTokenizer.decode(pair.target)),
  };
}

async function onlyCache(files: Files): Promise<string> {
  const names = await files.list('cache');
  assert.equal(names.length, 1);
  return `cache/${names[0]}`;
}

test('a corpus gives back every pair, its lengths and its counts', async () => {
  const options = optionsFor(memoryFiles(texts));
  const corpus = await openCorpus(options);
  assert.equal(corpus.pairs, count);
  assert.deepEqual(
    [...corpus.lengths.source],
    sources.map((text) => text.length),
  );
  assert.equal(corpus.sourceTokens, sources.join('').length);
  assert.equal(corpus.targetTokens, targets.join('').length);
  assert.deepEqual(corpus.report.read, count);
  assert.deepEqual(await allTexts(options), { sources, targets });
});

test('pairs are read in the order asked for, also twice, with their numbers as keys', async () => {
  for (const memoryLimit of [undefined, 0]) {
    const options = optionsFor(memoryFiles(texts), memoryLimit === undefined ? {} : { memoryLimit });
    const corpus = await openCorpus(options);
    const wanted = [1999, 0, 64, 63, 1500, 64];
    const pairs = await corpus.read(wanted);
    assert.deepEqual(
      pairs.map((pair) => pair.key),
      wanted,
    );
    assert.deepEqual(
      pairs.map((pair) => options.sourceTokenizer.decode(pair.source)),
      wanted.map((pair) => sources[pair]),
    );
    await assert.rejects(corpus.read([count]), RangeError);
  }
});

test('a corpus beyond the memory limit is read from disk in few pieces', async () => {
  const files = memoryFiles(texts);
  let bytesRead = 0;
  let reads = 0;
  const counted: Files = {
    ...files,
    async open(path) {
      const file = await files.open(path);
      return {
        size: file.size,
        close: () => file.close(),
        async read(target, position) {
          bytesRead += target.length;
          reads++;
          await file.read(target, position);
        },
      };
    },
  };
  const corpus = await openCorpus(optionsFor(files, { cache: { files: counted, directory: 'cache' }, memoryLimit: 1000 }));
  bytesRead = 0;
  reads = 0;
  await corpus.read(Array.from({ length: 64 }, (_, pair) => 500 + pair));
  assert.equal(reads, 1);
  assert.ok(bytesRead < 64 * 200, `${bytesRead} bytes`);
  await corpus.read([0, 1999]);
  assert.equal(reads, 3);
});

test('tokenizing happens once, wherever the files lie afterwards', async () => {
  const files = memoryFiles({ ...texts, 'moved.en': texts['train.en'], 'moved.fr': texts['train.fr'] });
  const first = optionsFor(files);
  await openCorpus(first);
  assert.equal(first.sourceTokenizer.encoded, count);
  const again = optionsFor(files, { source: { source: 'moved.en', target: 'moved.fr' } });
  assert.deepEqual(await allTexts(again), { sources, targets });
  assert.equal(again.sourceTokenizer.encoded, 0);
});

test('other contents, another tokenizer or another filter make another cache', async () => {
  const files = memoryFiles({ ...texts, 'other.en': texts['train.en'].replace('source 1500 ', 'source 1501 ') });
  await openCorpus(optionsFor(files));
  for (const changes of [
    { source: { source: 'other.en', target: 'train.fr' } },
    { targetTokenizer: new CodeTokenizer(301) },
    { filter: filterOptions.parse({ maximumLength: 99 }) },
  ]) {
    const options = optionsFor(files, changes);
    await openCorpus(options);
    assert.equal(options.sourceTokenizer.encoded, count);
  }
  assert.equal((await files.list('cache')).length, 4);
});

test('a cache that was cut off or overwritten is made again', async () => {
  const files = memoryFiles(texts);
  await openCorpus(optionsFor(files));
  const path = await onlyCache(files);
  const whole = await files.readBytes(path);
  const damages: Uint8Array[] = [
    whole.slice(0, -1),
    whole.slice(0, whole.length / 2),
    whole.slice(100),
    new Uint8Array(0),
    new Uint8Array(whole.length),
    new TextEncoder().encode('something else altogether, of another program'),
    Uint8Array.from(whole, (byte, position) => (position >= whole.length - 12 && position < whole.length - 8 ? 0xff : byte)),
    Uint8Array.from(whole, (byte, position) => (position === whole.length - 20 ? byte ^ 1 : byte)),
  ];
  for (const [number, damaged] of damages.entries()) {
    const writer = await files.create(path);
    await writer.write(damaged);
    await writer.close();
    assert.deepEqual(await allTexts(optionsFor(files)), { sources, targets }, `damage ${number}`);
  }
});

test('an id beyond the vocabulary is refused', async () => {
  const files = memoryFiles(texts);
  await openCorpus(optionsFor(files));
  const path = await onlyCache(files);
  const damaged = (await files.readBytes(path)).slice();
  damaged.fill(0xff, 0, 2);
  const writer = await files.create(path);
  await writer.write(damaged);
  await writer.close();
  const corpus = await openCorpus(optionsFor(files));
  await assert.rejects(corpus.read([0]), /token id 65535; expected ids below 300/);
});

test('a failed or stopped tokenization leaves nothing behind', async () => {
  const files = memoryFiles(texts);
  const controller = new AbortController();
  const progress: number[] = [];
  const onProgress = (read: ReadingProgress): void => {
    const lines = 'lines' in read ? read.lines : 0;
    progress.push(lines);
    if (lines === 1000) controller.abort();
  };
  await assert.rejects(openCorpus(optionsFor(files, { signal: controller.signal, onProgress })), { name: 'AbortError' });
  assert.deepEqual(progress, [0, 1000]);
  assert.deepEqual(await files.list('cache'), []);
});

test('what a killed run noted and left behind is removed after a day, and nothing else', async () => {
  const begun = (before: number) => `${Date.now() - before}-ab12.corpus.partial`;
  const [old, young, foreign] = [begun(2 * 86_400_000), begun(1000), begun(3 * 86_400_000)];
  const files = memoryFiles({ ...texts, [`cache/${old}`]: 'x', [`cache/${young}`]: 'x', [`cache/${foreign}`]: 'mine' });
  await new UnfinishedWork(files, 'cache').begin(old, young);
  await openCorpus(optionsFor(files));
  assert.equal(await files.kind(`cache/${old}`), 'missing');
  assert.equal(await files.kind(`cache/${young}`), 'file');
  assert.equal(await files.readText(`cache/${foreign}`), 'mine');
  assert.deepEqual(await new UnfinishedWork(files, 'cache').names(), [young]);
});

test('dropped pairs are counted by reason, also when the cache is found', async () => {
  const lines = [`${'a'.repeat(101)}\tb`, 'a\t', 'no columns', `a\t${'b'.repeat(21)}`, 'good\tbon'];
  const files = memoryFiles({ 'pairs.tsv': lines.join('\n') });
  for (let time = 0; time < 2; time++) {
    const corpus = await openCorpus(optionsFor(files, { source: { tsv: 'pairs.tsv' } }));
    assert.equal(corpus.pairs, 1);
    assert.equal(
      describeReport(corpus.report),
      'kept 1 of 5 pairs; dropped 1 not two columns (first at line 3), 1 empty on one side (first at line 2), ' +
        '1 longer than data.maximumLength (first at line 1), 1 more uneven than data.maximumRatio (first at line 4)',
    );
  }
});

test('a source without a usable pair is an error that says why', async () => {
  const files = memoryFiles({ 'none.tsv': 'a\nb\n', 'empty.tsv': '' });
  await assert.rejects(openCorpus(optionsFor(files, { source: { tsv: 'none.tsv' } })), /none\.tsv: no usable pair: .*2 not two columns/);
  await assert.rejects(openCorpus(optionsFor(files, { source: { tsv: 'empty.tsv' } })), /empty\.tsv: no lines/);
});

test('large vocabularies take four bytes an id', async () => {
  const files = memoryFiles({ 'pairs.tsv': '\u{1F600}\u{1F601}\t\u{1F602}' });
  const tokenizer = new CodeTokenizer(200_000);
  const corpus = await openCorpus({
    ...optionsFor(files, { source: { tsv: 'pairs.tsv' } }),
    sourceTokenizer: tokenizer,
    targetTokenizer: tokenizer,
  });
  const [pair] = await corpus.read([0]);
  assert.deepEqual([...Array.from(pair?.source ?? []), ...Array.from(pair?.target ?? [])], [0x1f600, 0x1f601, 0x1f602]);
});

test('the cache works on a real disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'decade-corpus-'));
  try {
    const source = memoryFiles(texts);
    const disk = { files: nodeFiles, directory: join(directory, 'cache') };
    for (const memoryLimit of [1000, 1_000_000]) {
      const options = optionsFor(source, { cache: disk, memoryLimit });
      assert.deepEqual(await allTexts(options), { sources, targets });
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
