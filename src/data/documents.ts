import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { joined, readBytes } from './lines.js';
import type { Passage } from './passage.js';

/** Text for a language model. */
export const textSource = z.strictObject({
  text: z
    .array(z.string().min(1))
    .min(1)
    .meta({ description: 'Text for a language model: files; .gz is unpacked.', example: ['train.txt'] }),
  documents: z
    .enum(['file', 'paragraph', 'line'])
    .default('file')
    .describe(
      'What is one document, which </s> ends: a file, a paragraph (empty lines stand between them) or a line. Default of dev: as in train.',
    ),
});
export type TextSource = z.output<typeof textSource>;

const passageBytes = 256 * 1024;
/** Without white space so long, a passage is cut between any two characters. */
const longestPassage = 64 * passageBytes;
const [lineFeed, carriageReturn] = [0x0a, 0x0d];

/**
 * The documents of a source, streamed. A byte order mark is skipped; empty documents are left out. Line ends within a document are
 * kept as they are; those that part documents belong to none.
 */
export async function* readPassages(files: Pick<Files, 'stream'>, { text, documents }: TextSource): AsyncGenerator<Passage> {
  for (const path of text) {
    if (documents === 'file') yield* filePassages(files, path);
    else yield* separated(files, path, documents);
  }
}

/** A source in a few words, for messages. */
export function describeText({ text }: Pick<TextSource, 'text'>): string {
  const [first = '', ...others] = text;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

/** Passes on the passages of a text, under its name for people; throws `input` at the end of one without a byte. */
export async function* notEmpty(name: string, passages: AsyncIterable<Passage>): AsyncGenerator<Passage> {
  let isEmpty = true;
  for await (const passage of passages) {
    isEmpty &&= passage.bytes.length === 0;
    yield passage;
  }
  if (isEmpty) throw new DecadeError('input', { where: name, received: 'no text', allowed: 'at least one byte' });
}

async function* filePassages(files: Pick<Files, 'stream'>, path: string): AsyncGenerator<Passage> {
  let held: Uint8Array = new Uint8Array(0);
  let line = 1;
  for await (const chunk of withoutMark(readBytes(files, path, () => `${path}: line ${line}`))) {
    held = joined([held, chunk]);
    while (held.length > passageBytes) {
      const end = lastCut(held) ?? (held.length > longestPassage ? characterStart(held, longestPassage) : undefined);
      if (end === undefined) break;
      const bytes = held.slice(0, end);
      yield { bytes, ends: false, path, line };
      line += countLines(bytes);
      held = held.slice(end);
    }
  }
  yield { bytes: held, ends: true, path, line };
}

/** Documents that are lines, or stand between lines without a character that is seen. */
async function* separated(files: Pick<Files, 'stream'>, path: string, documents: 'paragraph' | 'line'): AsyncGenerator<Passage> {
  let [line, first] = [0, 1];
  let paragraph: Uint8Array[] = [];
  const whole = (): Passage => ({ bytes: withoutReturn(joined(paragraph)), ends: true, path, line: first });
  for await (const bytes of linesWithReturns(files, path)) {
    line++;
    if (documents === 'line') {
      const text = withoutReturn(bytes);
      if (text.length > 0) yield { bytes: text, ends: true, path, line };
    } else if (isBlank(bytes)) {
      if (paragraph.length > 0) yield whole();
      paragraph = [];
    } else {
      if (paragraph.length === 0) first = line;
      else paragraph.push(Uint8Array.of(lineFeed));
      paragraph.push(bytes);
    }
  }
  if (paragraph.length > 0) yield whole();
}

/** The lines of a file, empty ones too, as bytes without their ends. */
export async function* byteLines(files: Pick<Files, 'stream'>, path: string): AsyncGenerator<Uint8Array> {
  for await (const line of linesWithReturns(files, path)) yield withoutReturn(line);
}

/** The same with the carriage return that some line ends begin with: within a paragraph it is text. */
async function* linesWithReturns(files: Pick<Files, 'stream'>, path: string): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let line = 1;
  for await (const chunk of withoutMark(readBytes(files, path, () => `${path}: line ${line}`))) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      // The reader may fill the same chunk again.
      yield joined([...held, chunk.slice(start, end)]);
      held = [];
      start = end + 1;
      line++;
    }
    if (start < chunk.length) held.push(chunk.slice(start));
  }
  if (held.length > 0) yield joined(held);
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

const mark = [0xef, 0xbb, 0xbf] as const;

async function* withoutMark(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (start === undefined) {
      yield chunk;
      continue;
    }
    start = joined([start, chunk]);
    if (start.length < mark.length && start.every((byte, index) => byte === mark[index])) continue;
    yield mark.every((byte, index) => start?.[index] === byte) ? start.subarray(mark.length) : start;
    start = undefined;
  }
  if (start !== undefined && start.length > 0) yield start;
}

/** The last place where text may be cut: white space follows, and what stands before is none. */
function lastCut(bytes: Uint8Array): number | undefined {
  for (let at = bytes.length - 1; at > 0; at--) {
    if (!isSpace(bytes[at] as number)) continue;
    const before = bytes.subarray(characterStart(bytes, at - 1), at);
    if (!/\p{White_Space}/u.test(new TextDecoder('utf-8', { ignoreBOM: true }).decode(before))) return at;
  }
  return undefined;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every(isSpace);
}

/** Where the character begins that has a byte at this place. */
function characterStart(bytes: Uint8Array, place: number): number {
  let start = place;
  while (start > 0 && place - start < 3 && ((bytes[start] as number) & 0xc0) === 0x80) start--;
  return start;
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) lines++;
  return lines;
}
