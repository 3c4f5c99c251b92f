import { DecadeError } from '../core/errors.js';
import type { Files, RandomAccessFile } from '../core/files.js';
import { turns } from '../core/event-loop.js';
import { joinPath } from '../core/files.js';
import { temporarySuffix, UnfinishedWork } from '../core/unfinished.js';
import type { SpecialIds, Tokenizer } from '../text/tokenizer.js';
import type { IdPair } from './batch.js';
import { chosenLengths, chosenPairs, type PairLengthArrays, tokensIn } from './chosen-pairs.js';
import { contentHash } from './content-hash.js';
import { contextExample, type ContextOptions, resolveContexts } from './contexts.js';
import type { CorpusCache, Ids, TextCounts } from './corpus-cache.js';
import { bytesOf, CorpusCacheWriter, corpusCacheEnding, idArray, openCorpusCache, storedIds } from './corpus-cache.js';
import type { TextSource } from './documents.js';
import { readBytes } from './lines.js';
import { cutIntoContexts } from './text-corpus.js';
import type { FilterOptions, FilterReport } from './filter.js';
import { countLine, describeReport, dropReason, emptyReport, noUsablePair } from './filter.js';
import type { CorpusSource } from './sources.js';
import { describeSource, isText, pathsOf, readPairs } from './sources.js';

/** How much of a corpus was read: lines of pairs, or bytes of text. */
export type ReadingProgress = { readonly lines: number } | { readonly bytes: number };

export interface CorpusOptions {
  /** Where the source's files are. */
  files: Files;
  source: CorpusSource;
  /** Absent for text, which has no source side. */
  sourceTokenizer?: Tokenizer | undefined;
  targetTokenizer: Tokenizer;
  /** For pairs. */
  filter: FilterOptions;
  /** For text. */
  contexts?: ContextOptions | undefined;
  /** Pairs to use, drawn at random, so that more of them contain fewer. Default: all. */
  examples?: number | undefined;
  /** Where the tokenized corpus is kept for the next time; `memoryFiles()` keeps it for this process only. */
  cache: { files: Files; directory: string };
  /** A corpus of at most so many bytes of ids is held in memory, a larger one is read as needed. Default 256 MiB. */
  memoryLimit?: number;
  /** Stops tokenizing; what was begun is removed. */
  signal?: AbortSignal;
  /** Called now and then while a corpus is tokenized. */
  onProgress?: (progress: ReadingProgress) => void;
}

/** A corpus of more bytes of ids is not held in memory, unless that is asked for. */
export const residentCorpusBytes = 256 * 1024 * 1024;
const progressEvery = 1_000;

/**
 * Opens a corpus: from its cache, or by reading, tokenizing and filtering its source into one. The same contents,
 * tokenizers and filter find the same cache, wherever the files lie; anything else makes a new one. Throws `input`
 * when the source cannot be read or no pair is left, `usage` for more `examples` than there are pairs.
 */
export async function openCorpus(options: CorpusOptions): Promise<Corpus> {
  const { directory, files } = options.cache;
  const key = await corpusKey(options);
  const path = joinPath(directory, `${key.slice(0, 32)}${corpusCacheEnding}`);
  const found = await openCorpusCache(files, path, key);
  if (found !== undefined) return Corpus.of(found, path, options);
  await tokenizeInto(path, key, options);
  const made = await openCorpusCache(files, path, key);
  if (made === undefined) {
    throw new DecadeError('resource', {
      where: path,
      received: 'a file that changed right after it was written',
      next: 'check that nothing else writes there',
    });
  }
  return Corpus.of(made, path, options);
}

/** A corpus as token ids, read by pair number; the numbers run over the pairs that are used. Those of text are its contexts. */
export class Corpus {
  readonly pairs: number;
  /** Tokens of each pair's sides, `</s>` (of a context that goes on, its last token) not counted: [pairs]. */
  readonly lengths: PairLengthArrays;
  readonly sourceTokens: number;
  readonly targetTokens: number;
  /** What was read, kept and dropped when the corpus was tokenized. */
  readonly report: FilterReport;
  /** What text it was read from; undefined for pairs. */
  readonly text: TextCounts | undefined;
  /** Identifies its contents, tokenizers and filter. */
  readonly key: string;
  /** What `key` was when packed text was still named by its packed bytes: runs from then must find it again. */
  readonly formerKey: () => Promise<string>;
  readonly #file: RandomAccessFile;
  readonly #path: string;
  readonly #bytesPerId: 2 | 4;
  readonly #sourceSize: number;
  readonly #targetSize: number;
  /** Of the target. */
  readonly #special: SpecialIds;
  /** Of all pairs of the file. */
  readonly #stored: PairLengthArrays;
  /** Numbers in the file of the pairs that are used, in its order; undefined: all. */
  readonly #chosen: Uint32Array | undefined;
  /** Where every `stride`-th pair of the file begins, in ids; 8 bytes a pair would be twice what the lengths take. */
  readonly #begins: Float64Array;
  #resident: Ids | undefined;

  private constructor(cache: CorpusCache, path: string, options: CorpusOptions) {
    const { size, special } = options.targetTokenizer;
    this.text = cache.text;
    this.key = cache.key;
    this.formerKey = () => corpusKey(options, (path) => options.cache.files.stream(path));
    this.#stored = { source: cache.sourceLengths, target: cache.targetLengths };
    this.#chosen = chosenPairs(cache.pairs, options.examples, describeSource(options.source));
    this.pairs = this.#chosen?.length ?? cache.pairs;
    this.lengths = chosenLengths(this.#stored, this.#chosen);
    this.sourceTokens = this.#chosen === undefined ? cache.sourceTokens : tokensIn(this.lengths.source);
    this.targetTokens = this.#chosen === undefined ? cache.targetTokens : tokensIn(this.lengths.target);
    this.report = cache.report;
    this.#file = cache.file;
    this.#path = path;
    this.#bytesPerId = cache.bytesPerId;
    this.#sourceSize = options.sourceTokenizer?.size ?? 0;
    this.#targetSize = size;
    this.#special = special;
    this.#begins = everyBegin(this.#stored, this.#beyond);
  }

  /** @internal */
  static async of(cache: CorpusCache, path: string, options: CorpusOptions): Promise<Corpus> {
    const corpus = new Corpus(cache, path, options);
    const ids = storedIds(cache);
    if (ids * cache.bytesPerId <= (options.memoryLimit ?? residentCorpusBytes)) corpus.#resident = await corpus.#readIds(0, ids);
    return corpus;
  }

  /** The pairs with these numbers, in this order, each with its number as key. The ids are not to be written to. */
  async read(pairs: ArrayLike<number>): Promise<IdPair[]> {
    const spans = Array.from(pairs, (pair) => this.#span(pair));
    const stretches = this.#resident === undefined ? joinedStretches(spans) : [{ begin: 0, end: this.#resident.length, spans }];
    const found = new Map<number, IdPair>();
    await Promise.all(
      stretches.map(async ({ begin, end, spans: within }) => {
        const ids = this.#resident ?? (await this.#readIds(begin, end));
        for (const span of within) found.set(span.pair, this.#example(span, ids.subarray(span.begin - begin, span.end - begin)));
      }),
    );
    return spans.map(({ pair }) => found.get(pair) as IdPair);
  }

  /** Closes the cache file; a corpus that was closed cannot be read. */
  async close(): Promise<void> {
    this.#resident = undefined;
    await this.#file.close();
  }

  /** Ids that stand behind the target of each pair. */
  get #beyond(): 0 | 1 {
    return this.text === undefined ? 0 : 1;
  }

  #example({ pair, stored, sourceLength }: PairPlace, ids: Ids): IdPair {
    if (this.text === undefined) {
      const [source, target] = [ids.subarray(0, sourceLength), ids.subarray(sourceLength)];
      this.#check(source, this.#sourceSize);
      this.#check(target, this.#targetSize);
      return { source, target, key: pair };
    }
    this.#check(ids, this.#targetSize);
    return stored === 0
      ? contextExample(pair, ids, undefined, this.#special)
      : contextExample(pair, ids.subarray(1), ids[0], this.#special);
  }

  #span(pair: number): PairPlace {
    const { source, target } = this.#stored;
    const stored = this.#chosen === undefined ? pair : (this.#chosen[pair] ?? this.#stored.target.length);
    const sourceLength = source[stored];
    if (sourceLength === undefined) throw new RangeError(`pair ${pair} of a corpus of ${this.pairs}`);
    let begin = this.#begins[Math.floor(stored / stride)] as number;
    for (let before = stored - (stored % stride); before < stored; before++) {
      begin += (source[before] as number) + (target[before] as number) + this.#beyond;
    }
    const end = begin + sourceLength + (target[stored] as number) + this.#beyond;
    // A context is read with the id in front of it.
    return { pair, stored, begin: this.text === undefined || stored === 0 ? begin : begin - 1, sourceLength, end };
  }

  async #readIds(begin: number, end: number): Promise<Ids> {
    const ids = idArray(this.#bytesPerId, end - begin);
    await this.#file.read(bytesOf(ids), begin * this.#bytesPerId);
    return ids;
  }

  /** An id beyond the vocabulary, from a damaged disk, would read memory that is not the embedding's. */
  #check(ids: Ids, size: number): void {
    for (const id of ids) {
      if (id >= size) {
        throw new DecadeError('input', {
          where: this.#path,
          received: `token id ${id}`,
          allowed: `ids below ${size}`,
          next: 'the file is damaged; delete it, and it will be rebuilt',
        });
      }
    }
  }
}

/** What was read and kept, on one line for people. */
export function describeCorpus({ report, text, pairs }: Pick<Corpus, 'report' | 'text' | 'pairs'>): string {
  if (text === undefined) return describeReport(report);
  const figure = (count: number) => count.toLocaleString('en-US');
  return `${describeReport(report, 'documents')}: ${figure(text.bytes)} bytes, ${figure(text.words)} words in ${figure(pairs)} contexts`;
}

const stride = 64;

/** Where a pair's ids lie: source from `begin`, then target up to `end`. */
interface PairPlace {
  pair: number;
  /** Its number in the file. */
  stored: number;
  begin: number;
  sourceLength: number;
  end: number;
}

interface JoinedRead {
  begin: number;
  end: number;
  spans: PairPlace[];
}

function everyBegin(lengths: PairLengthArrays, beyond: number): Float64Array {
  const begins = new Float64Array(Math.ceil(lengths.source.length / stride));
  let begin = 0;
  for (let pair = 0; pair < lengths.source.length; pair++) {
    if (pair % stride === 0) begins[pair / stride] = begin;
    begin += (lengths.source[pair] as number) + (lengths.target[pair] as number) + beyond;
  }
  return begins;
}

/** Ids between two wanted pairs that are read along rather than reading twice. */
const widestGap = 8_192;
const longestStretch = 262_144;

/** Spans that lie close together, to be read at once. */
function joinedStretches(spans: readonly PairPlace[]): JoinedRead[] {
  const stretches: JoinedRead[] = [];
  let last: JoinedRead | undefined;
  for (const span of [...spans].sort((a, b) => a.begin - b.begin)) {
    if (last !== undefined && span.begin - last.end <= widestGap && span.end - last.begin <= longestStretch) {
      last.end = Math.max(last.end, span.end);
      last.spans.push(span);
    } else {
      last = { begin: span.begin, end: span.end, spans: [span] };
      stretches.push(last);
    }
  }
  return stretches;
}

/**
 * Names a corpus by all that decides its ids; see docs/decisions/corpus-cache.md. Text is known by what it says, packed or not: a run on
 * it must find it again.
 */
async function corpusKey(
  options: CorpusOptions,
  contentsOf: (path: string) => AsyncIterable<Uint8Array> = contents(options),
): Promise<string> {
  const { files, source, sourceTokenizer, targetTokenizer, filter, contexts } = options;
  const hashes =
    'generator' in source
      ? [await contentHash(generatedText(files, source))]
      : await Promise.all(pathsOf(source).map((path) => contentHash(contentsOf(path))));
  const parts = isText(source)
    ? { contents: hashes, documents: source.documents, tokenizer: targetTokenizer.toJson(), contexts }
    : { contents: hashes, tokenizers: [sourceTokenizer?.toJson(), targetTokenizer.toJson()], filter };
  return contentHash([new TextEncoder().encode(JSON.stringify(parts))]);
}

function contents({ files, source }: CorpusOptions): (path: string) => AsyncIterable<Uint8Array> {
  return (path) => (isText(source) ? readBytes(files, path, () => path) : files.stream(path));
}

/** What a generator says depends on the runtime's data, so the sentences themselves are hashed. */
async function* generatedText(files: Files, source: CorpusSource): AsyncGenerator<Uint8Array> {
  for await (const pair of readPairs(files, source)) yield new TextEncoder().encode(`${JSON.stringify(pair)}\n`);
}

/** Writes the cache under a temporary name and gives it its own when it is whole. */
async function tokenizeInto(path: string, key: string, options: CorpusOptions): Promise<void> {
  const { files, directory } = options.cache;
  await files.makeDirectory(directory);
  const unfinished = new UnfinishedWork(files, directory);
  await removeAbandoned(files, directory, unfinished);
  const partial = `${Date.now()}-${crypto.randomUUID()}${corpusCacheEnding}${temporarySuffix}`;
  const partialPath = joinPath(directory, partial);
  await unfinished.begin(partial);
  try {
    const writer = await files.create(partialPath);
    try {
      await tokenize(
        new CorpusCacheWriter(writer, Math.max(options.sourceTokenizer?.size ?? 0, options.targetTokenizer.size)),
        key,
        options,
      );
    } finally {
      await writer.close();
    }
    await files.rename(partialPath, path);
  } catch (error) {
    // The first error is the one to tell; a disk that cannot write may not remove either.
    await files.remove(partialPath).catch(() => undefined);
    throw error;
  } finally {
    await unfinished.end(partial).catch(() => undefined);
  }
  await files.syncDirectory(directory);
}

async function tokenize(cache: CorpusCacheWriter, key: string, options: CorpusOptions): Promise<void> {
  const { files, source, sourceTokenizer, targetTokenizer, filter, signal, onProgress } = options;
  if (isText(source)) return tokenizeText(cache, key, source, options);
  if (sourceTokenizer === undefined) throw new Error('pairs without a tokenizer for their sources');
  const report = emptyReport();
  for await (const pair of readPairs(files, source)) {
    if (report.read % progressEvery === 0) {
      onProgress?.({ lines: report.read });
      signal?.throwIfAborted();
    }
    if ('unusable' in pair) {
      countLine(report, pair.line, pair.unusable);
      continue;
    }
    const sourceIds = sourceTokenizer.encode(pair.source);
    const targetIds = targetTokenizer.encode(pair.target);
    const reason = dropReason(sourceIds.length, targetIds.length, filter);
    countLine(report, pair.line, reason);
    if (reason === undefined) await cache.add(sourceIds, targetIds);
  }
  if (report.kept === 0) {
    throw noUsablePair(describeSource(source), report);
  }
  await cache.finish(key, report);
}

async function tokenizeText(
  cache: CorpusCacheWriter,
  key: string,
  source: TextSource,
  { files, targetTokenizer, contexts, signal, onProgress }: CorpusOptions,
): Promise<void> {
  const wait = turns();
  const turn = (bytes: number) => {
    signal?.throwIfAborted();
    onProgress?.({ bytes });
    return wait();
  };
  const reading = { files, source, tokenizer: targetTokenizer, ...resolveContexts(contexts ?? {}), turn };
  const { report, text } = await cutIntoContexts(reading, (predicted) => cache.addContext(predicted));
  await cache.finish(key, report, text);
}

const abandonedAfter = 86_400_000;

/** Removes what killed runs left behind, as they noted. What was begun in the last day may belong to a run that is still writing. */
async function removeAbandoned(files: Files, directory: string, unfinished: UnfinishedWork): Promise<void> {
  for (const name of await unfinished.names()) {
    const [, begun] = /^(\d+)-/.exec(name) ?? [];
    if (begun === undefined || Date.now() - Number(begun) <= abandonedAfter) continue;
    await files.remove(joinPath(directory, name));
    await unfinished.end(name);
  }
}
