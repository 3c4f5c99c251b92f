import * as z from 'zod';
import { type Files, type FileWriter, joinPath, type RandomAccessFile } from '../core/files.js';
import type { FilterReport } from './filter.js';
import { dropReasons } from './filter.js';

/**
 * A tokenized corpus as one file, little-endian:
 *
 *     ids             2 or 4 bytes each: source then target of pair 0, of pair 1, ...
 *     source lengths  2 bytes a pair
 *     target lengths  2 bytes a pair
 *
 * A corpus of text has contexts for pairs, without sources. What is predicted last stands behind the target of each: `</s>`, or a
 * token of a text that goes on.
 *
 *     footer          JSON: what the file holds, and of which corpus
 *     footer bytes    4 bytes
 *     magic           8 bytes
 *
 * The sizes stand at the end because they are known there, so the file is written in one pass; a file that was cut
 * off has no magic, and one whose size does not follow from its footer is not used.
 */
const magic = new TextEncoder().encode('decade-1');
const tailBytes = 4 + magic.length;
const maximumFooterBytes = 65_536;
const writeBufferBytes = 1024 * 1024;
export const corpusCacheEnding = '.corpus';

const count = z.int().min(0);
const footerSchema = z.strictObject({
  /** Identifies the corpus, its tokenizers and its filter. */
  key: z.string(),
  bytesPerId: z.union([z.literal(2), z.literal(4)]),
  pairs: count,
  sourceTokens: count,
  targetTokens: count,
  /** Of a corpus of text: what it was read from. */
  text: z.strictObject({ documents: count, bytes: count, words: count }).optional(),
  report: z.strictObject({
    read: count,
    kept: count,
    dropped: z.record(
      z.enum(dropReasons),
      z.strictObject({ count, firstLine: z.int().min(1).optional(), firstFile: z.string().optional() }),
    ),
  }),
});
type Footer = z.output<typeof footerSchema>;

/** How much text a corpus was read from: bytes in UTF-8, and words between white space. */
export type TextCounts = NonNullable<Footer['text']>;

export type Ids = Uint16Array | Uint32Array;

/** An open cache file. */
export interface CorpusCache extends Footer {
  readonly report: FilterReport;
  readonly sourceLengths: Uint16Array;
  readonly targetLengths: Uint16Array;
  readonly file: RandomAccessFile;
}

/** Opens a cache of the corpus that `key` names, or `undefined` when it is missing, cut off, damaged or another's. */
export async function openCorpusCache(files: Files, path: string, key: string): Promise<CorpusCache | undefined> {
  if ((await files.kind(path)) !== 'file') return undefined;
  const file = await files.open(path);
  let cache: CorpusCache | undefined;
  try {
    cache = await readIndex(file, key);
  } finally {
    if (cache === undefined) await file.close();
  }
  return cache;
}

/** Removes the caches in a directory, and the directory when nothing else is in it. */
export async function removeCorpusCaches(files: Files, directory: string): Promise<void> {
  for (const name of await files.list(directory)) {
    const path = joinPath(directory, name);
    if (name.endsWith(corpusCacheEnding) && (await isCorpusCache(files, path))) await files.remove(path);
  }
  await files.removeIfEmpty(directory);
}

async function isCorpusCache(files: Files, path: string): Promise<boolean> {
  if ((await files.kind(path)) !== 'file') return false;
  const file = await files.open(path);
  try {
    return (await readFooter(file)) !== undefined;
  } finally {
    await file.close();
  }
}

async function readIndex(file: RandomAccessFile, key: string): Promise<CorpusCache | undefined> {
  const footerRead = await readFooter(file);
  if (footerRead === undefined || footerRead.footer.key !== key) return undefined;
  const { footer, start } = footerRead;
  const idBytes = storedIds(footer) * footer.bytesPerId;
  if (idBytes + 4 * footer.pairs !== start) return undefined;
  const sourceLengths = new Uint16Array(footer.pairs);
  const targetLengths = new Uint16Array(footer.pairs);
  await file.read(bytesOf(sourceLengths), idBytes);
  await file.read(bytesOf(targetLengths), idBytes + sourceLengths.byteLength);
  if (sum(sourceLengths) !== footer.sourceTokens || sum(targetLengths) !== footer.targetTokens) return undefined;
  return { ...footer, sourceLengths, targetLengths, file };
}

/** How many ids stand in a file. */
export function storedIds({
  sourceTokens,
  targetTokens,
  pairs,
  text,
}: Pick<Footer, 'sourceTokens' | 'targetTokens' | 'pairs' | 'text'>): number {
  return sourceTokens + targetTokens + (text === undefined ? 0 : pairs);
}

async function readFooter(file: RandomAccessFile): Promise<{ footer: Footer; start: number } | undefined> {
  if (file.size < tailBytes) return undefined;
  const tail = new Uint8Array(tailBytes);
  await file.read(tail, file.size - tailBytes);
  if (!magic.every((byte, position) => tail[4 + position] === byte)) return undefined;
  const footerBytes = new DataView(tail.buffer).getUint32(0, true);
  const start = file.size - tailBytes - footerBytes;
  if (footerBytes > maximumFooterBytes || start < 0) return undefined;
  const bytes = new Uint8Array(footerBytes);
  await file.read(bytes, start);
  const parsed = footerSchema.safeParse(parsedJson(new TextDecoder().decode(bytes)));
  return parsed.success ? { footer: parsed.data, start } : undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes a cache file from its first pair to its last. */
export class CorpusCacheWriter {
  readonly #writer: FileWriter;
  readonly #bytesPerId: 2 | 4;
  readonly #buffer: Ids;
  #buffered = 0;
  readonly #sourceLengths = new GrowingLengths();
  readonly #targetLengths = new GrowingLengths();
  #sourceTokens = 0;
  #targetTokens = 0;

  /** `vocabularySize`: ids are below it. */
  constructor(writer: FileWriter, vocabularySize: number) {
    this.#writer = writer;
    this.#bytesPerId = idBytes(vocabularySize);
    this.#buffer = idArray(this.#bytesPerId, writeBufferBytes / this.#bytesPerId);
  }

  /** Lengths of at most 65,535. */
  async add(source: readonly number[], target: readonly number[]): Promise<void> {
    await this.#add(source, target, target.length);
  }

  /** All that is predicted of a context, at least one token. */
  async addContext(predicted: readonly number[]): Promise<void> {
    await this.#add([], predicted, predicted.length - 1);
  }

  async #add(source: readonly number[], target: readonly number[], targetLength: number): Promise<void> {
    if (this.#buffered + source.length + target.length > this.#buffer.length) await this.#flush();
    this.#buffer.set(source, this.#buffered);
    this.#buffer.set(target, this.#buffered + source.length);
    this.#buffered += source.length + target.length;
    this.#sourceLengths.add(source.length);
    this.#targetLengths.add(targetLength);
    this.#sourceTokens += source.length;
    this.#targetTokens += targetLength;
  }

  /** `text`: of a corpus of text. */
  async finish(key: string, report: FilterReport, text?: TextCounts): Promise<void> {
    await this.#flush();
    const sourceLengths = this.#sourceLengths.values();
    await this.#writer.write(bytesOf(sourceLengths));
    await this.#writer.write(bytesOf(this.#targetLengths.values()));
    const footer: Footer = {
      key,
      bytesPerId: this.#bytesPerId,
      pairs: sourceLengths.length,
      sourceTokens: this.#sourceTokens,
      targetTokens: this.#targetTokens,
      ...(text && { text }),
      report,
    };
    const footerBytes = new TextEncoder().encode(JSON.stringify(footer));
    const tail = new Uint8Array(tailBytes);
    new DataView(tail.buffer).setUint32(0, footerBytes.length, true);
    tail.set(magic, 4);
    await this.#writer.write(footerBytes);
    await this.#writer.write(tail);
    await this.#writer.sync();
  }

  async #flush(): Promise<void> {
    await this.#writer.write(bytesOf(this.#buffer.subarray(0, this.#buffered)));
    this.#buffered = 0;
  }
}

/** Bytes that an id of a vocabulary takes. */
export function idBytes(vocabularySize: number): 2 | 4 {
  return vocabularySize <= 65_536 ? 2 : 4;
}

/** Room for ids of 2 or 4 bytes. */
export function idArray(bytesPerId: 2 | 4, length: number): Ids {
  return bytesPerId === 2 ? new Uint16Array(length) : new Uint32Array(length);
}

export function bytesOf(array: Ids): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function sum(lengths: Uint16Array): number {
  return lengths.reduce((total, length) => total + length, 0);
}

/** Lengths in 2 bytes each, however many come. */
class GrowingLengths {
  #values = new Uint16Array(1024);
  #count = 0;

  add(length: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Uint16Array(2 * this.#count);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = length;
  }

  values(): Uint16Array {
    return this.#values.subarray(0, this.#count);
  }
}
