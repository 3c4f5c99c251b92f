import { isDrawing } from '../analysis/page/drawing.js';
import { isPage } from '../analysis/page/page.js';
import { DecadeError } from '../core/errors.js';
import { fileError } from '../core/file-errors.js';
import { requireOwn } from '../core/own-file.js';
import { isRunFile } from '../checkpoint/run-files.js';
import { nodeFiles } from '../node/files/files.js';
import { beginningOf, type OutputFile, openOutputFile, partialsOf, requireUnread, requireWritable } from '../node/files/output-file.js';
import { asResult, forTerminal } from './terminal.js';
import { warn } from './warning.js';

/** The output of a command. */
export interface Output {
  /** Resolves when the text (or bytes as they are) has been accepted, so a slow reader slows the writer. */
  write(contents: string | Uint8Array): Promise<void>;
  /** Everything has been written. */
  close(): Promise<void>;
  /** Must always be called; without `close` before it, reports where the written part is kept, unless it is not to be kept. */
  abandon(keep?: boolean): Promise<void>;
}

const name = 'standard output';
const closedPipe = fileError('closedPipe', name).parts.received;

async function writeStandardOutput(contents: string | Uint8Array): Promise<void> {
  // `>> FILE` may lead to a file that is read: what was written to its end would be read again, and never end.
  requireUnread(process.stdout.fd, name);
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(typeof contents === 'string' ? asResult(contents) : contents, (error) =>
      error ? reject(outputError(error)) : resolve(),
    );
  });
}

/**
 * Opens the file at `path`, or standard output without one. A file is opened at the first write and appears, complete, when it is
 * closed; until then an earlier file stays. `mode`: permissions of a new one.
 *
 * @throws DecadeError at once for a file that cannot be written; `usage`, when it is written, for one that the command has read
 */
export async function openOutput(path?: string, mode?: number): Promise<Output> {
  if (isStandardOutput(path)) return standardOutput;
  await requireOutput(path);
  return new FileOutput(path, mode);
}

/** Writes a file atomically. `requireOutput` checks before the work whether that is possible. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const output = new FileOutput(path);
  try {
    await output.write(text);
    await output.close();
  } finally {
    await output.abandon();
  }
}

/**
 * Checks before the work whether a file can be written, without changing anything, and says what killed commands have left of it.
 *
 * @throws DecadeError `usage` for `-`: what is written whole is not a command's result, which standard output has
 */
export async function requireOutput(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  if (path === '-') {
    throw new DecadeError('usage', { where: 'output', received: '-', allowed: 'the name of a file', next: 'name a file, or /dev/stdout' });
  }
  await requireWritable(path);
  for (const partial of await partialsOf(path)) {
    warn(
      new Error(`${partial} is what a command that did not end has written of ${path}; unless one is writing it now, it may be removed`),
    );
  }
  if (!(await isRunFile(nodeFiles, path))) return;
  throw new DecadeError('usage', {
    where: path,
    received: 'a file that belongs to a run',
    allowed: 'a file outside the run',
    next: 'choose another name: the run needs this file',
  });
}

/**
 * The path of a page, checked before the work as `requireOutput` does: the given one, or the usual one, where only a page that decade
 * wrote is replaced. Throws `usage` for `-`: a page is read in a browser, and standard output has the figures.
 */
export async function pagePath(given: string | undefined, usual: string): Promise<string> {
  if (given === '-') {
    throw new DecadeError('usage', {
      where: '--out',
      received: '-',
      allowed: 'the name of a file',
      next: `name one, such as ${usual}`,
    });
  }
  const path = given ?? usual;
  await requireOutput(path);
  if (given === undefined) requireOwn(path, await beginningOf(path), isPage, 'move it elsewhere, or say with --out where the page belongs');
  return path;
}

/** Like `requireOutput`, for a drawing in a directory. */
export async function requireDrawing(path: string): Promise<void> {
  await requireOutput(path);
  requireOwn(path, await beginningOf(path), isDrawing, 'move it elsewhere, or choose another directory');
}

function isStandardOutput(path: string | undefined): path is undefined | '-' {
  return path === undefined || path === '-';
}

const standardOutput: Output = { write: writeStandardOutput, close: async () => undefined, abandon: async () => undefined };

class FileOutput implements Output {
  readonly #path: string;
  readonly #mode: number | undefined;
  #file: OutputFile | undefined;
  #isClosed = false;

  constructor(path: string, mode?: number) {
    this.#path = path;
    this.#mode = mode;
  }

  async write(contents: string | Uint8Array): Promise<void> {
    this.#file ??= await openOutputFile(this.#path, this.#mode);
    const text = typeof contents === 'string' && this.#file.isTerminal ? forTerminal(contents) : contents;
    await this.#untilReaderIsGone(this.#file.write(typeof text === 'string' ? new TextEncoder().encode(text) : text));
  }

  async close(): Promise<void> {
    this.#file ??= await openOutputFile(this.#path, this.#mode);
    await this.#untilReaderIsGone(this.#file.finish());
    this.#isClosed = true;
  }

  async abandon(keep = true): Promise<void> {
    if (this.#isClosed) return;
    const kept = await this.#file?.abandon(keep);
    if (kept !== undefined) warn(new Error(`${this.#path} is unchanged; the partial output is in ${kept}`));
  }

  async #untilReaderIsGone(written: Promise<void>): Promise<void> {
    try {
      await written;
    } catch (error) {
      if (error instanceof DecadeError && error.parts.received === closedPipe) throw new ReaderGone(this.#path);
      throw error;
    }
  }
}

/** Writes one result to standard output. */
export function print(text: string): Promise<void> {
  return writeStandardOutput(`${text}\n`);
}

/** One JSON object, as `--json` promises. */
export function printJson(value: object): Promise<void> {
  return print(JSON.stringify(value, undefined, 2));
}

/** Standard output is a closed pipe, as after `head`: the reader has enough, so the command is done. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

function outputError(error: NodeJS.ErrnoException): Error {
  if (error.code === 'EPIPE') return new ReaderGone(name);
  return fileError(error.code === 'ENOSPC' ? 'full' : 'denied', name, error);
}

/** Streams throw errors without listeners; here every error reaches the writer through its callback instead. */
export function listenToStandardStreams(): void {
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
}
