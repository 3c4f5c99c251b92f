import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { requireText, tellingBytes } from '../core/foreign-formats.js';
import { gunzip, isGzip } from './gunzip.js';

/** A line without its line end, or `undefined` when it is not valid UTF-8. */
export type Line = string | undefined;

/** A longer line is no sentence, and a file without line ends would fill the memory. */
const maximumLineBytes = 16 * 1024 * 1024;
const lineFeed = 0x0a;

/**
 * The lines of a text file, plain or gzip, in blocks as they are read. Only `\n` ends a line (a `\r` before it is
 * dropped; U+2028, U+0085 and the like are text), the last line needs no end, and a byte order mark is skipped.
 */
export async function* readLines(files: Pick<Files, 'stream'>, path: string): AsyncGenerator<Line[]> {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  let lines = 0;
  for await (const chunk of readBytes(files, path, () => `${path}: line ${lines + 1}`)) {
    const end = chunk.lastIndexOf(lineFeed);
    if (end >= 0) {
      const block = decodeLines(joined([...begun, chunk.subarray(0, end)]), lines === 0);
      lines += block.length;
      yield block;
      begun = [];
      begunBytes = 0;
    }
    if (end + 1 < chunk.length) {
      // The reader may fill the same chunk again.
      begun.push(chunk.slice(end + 1));
      begunBytes += chunk.length - end - 1;
    }
    if (begunBytes > maximumLineBytes) {
      throw new DecadeError('input', {
        where: `${path}: line ${lines + 1}`,
        received: `more than ${maximumLineBytes / 1024 / 1024} MiB without a line end`,
        allowed: 'text with one sentence per line',
        next: 'check that this is the file you meant',
      });
    }
  }
  if (begunBytes > 0) yield decodeLines(joined(begun), lines === 0);
}

// `ignoreBOM` keeps U+FEFF, which is stripped at the start of the file only.
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeLines(bytes: Uint8Array, atStart: boolean): Line[] {
  const lines: Line[] = decoded(bytes)?.split('\n') ?? decodedOneByOne(bytes);
  const stripped = lines.map((line) => (line?.endsWith('\r') ? line.slice(0, -1) : line));
  if (atStart && stripped[0]?.startsWith('\uFEFF')) stripped[0] = stripped[0].slice(1);
  return stripped;
}

/** The lines of a block in which at least one is broken. */
function decodedOneByOne(bytes: Uint8Array): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const found = bytes.indexOf(lineFeed, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(decoded(bytes.subarray(start, end)));
    start = end + 1;
  }
  return lines;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The bytes of all parts; of a single one that very part. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * The bytes of a file, unpacked when they begin as gzip does, whatever the file's name; a format that is not text is refused. A
 * chunk lasts until the next.
 *
 * @param place  what to call the place that has been reached, for errors
 */
export async function* readBytes(files: Pick<Files, 'stream'>, path: string, place: () => string): AsyncGenerator<Uint8Array> {
  const chunks = files.stream(path)[Symbol.asyncIterator]();
  try {
    const start = await beginningOf(chunks, 2);
    if (isGzip(start)) yield* requiringText(gunzip(withStart(start, chunks), place)[Symbol.asyncIterator](), path);
    else if (!/\.gz$/i.test(path)) yield* requiringText(withStart(start, chunks), path);
    else {
      throw new DecadeError('input', {
        where: path,
        received: start.length === 0 ? 'an empty file' : 'a file that is not gzip',
        allowed: 'gzip',
        next: start.length === 0 ? 'copy or create the file again' : 'remove .gz from its name if it is plain text',
      });
    }
  } finally {
    await chunks.return?.();
  }
}

/** Passes on what is text; a format that is none is named. A pipe may hand over byte by byte, a terminal line by line. */
async function* requiringText(chunks: AsyncIterator<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0);
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    if (start.length < tellingBytes) {
      start = joined([start, next.value.slice(0, tellingBytes - start.length)]);
      requireText(start, path);
    }
    yield next.value;
  }
}

/** At least so many bytes, unless there are fewer in all. */
async function beginningOf(chunks: AsyncIterator<Uint8Array>, bytes: number): Promise<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < bytes) {
    const next = await chunks.next();
    if (next.done) break;
    start = joined([start, next.value.slice()]);
  }
  return start;
}

async function* withStart(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
