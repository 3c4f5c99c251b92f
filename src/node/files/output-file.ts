import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isatty } from 'node:tty';
import { createGzip, type Gzip } from 'node:zlib';
import { DecadeError } from '../../core/errors.js';
import { fileError } from '../../core/file-errors.js';
import { explained, explaining, nodeFiles, wasRead } from './files.js';
import { descriptorOf, descriptorWriter, isPipe, openPipeToWrite, type PipeWriter, takesText } from './pipes.js';

/** A file that the user named. */
export interface OutputFile {
  /** Whether the output is a terminal: `/dev/tty`, or `/dev/stdout` if that is one. */
  readonly isTerminal: boolean;
  write(bytes: Uint8Array): Promise<void>;
  /** Gives the complete file its name. Without it nothing has changed. */
  finish(): Promise<void>;
  /** Gives up. Returns where the written part is kept; undefined if nothing was written, it is a pipe, or it is not to be kept. */
  abandon(keep?: boolean): Promise<string | undefined>;
}

/**
 * Opens a file for writing, compressed if its name ends in `.gz`. It is written under a temporary name in the same directory and
 * replaces an existing file when it is complete; until then the old file stays. A link stays a link, to the new file. Pipes, devices
 * and descriptors (`/dev/stdout`) are written directly.
 *
 * @param mode  permissions of a new file. Default: the process's. One that exists keeps its own
 * @throws DecadeError `usage` for a file that this process has read, `input` or `resource` for a path that cannot be written
 */
export async function openOutputFile(path: string, mode?: number): Promise<OutputFile> {
  const sink = await explaining(path, () => openSink(path, mode));
  return /\.gz$/i.test(path) || /\.gz$/i.test(sink.target) ? new PackedFile(sink) : sink;
}

/** Checks whether a file can be written, without changing anything. */
export async function requireWritable(path: string): Promise<void> {
  await explaining(path, async () => {
    const destination = await destinationOf(path);
    if (destination.kind === 'file') await (await WholeFile.open(path, destination)).abandon();
  });
}

/**
 * Throws `usage` for two names of one file, through links too: what is complete first would be replaced by the other. Pipes and
 * devices take both.
 */
export async function requireDistinct(paths: readonly string[]): Promise<void> {
  const names = new Map<string, string>();
  for (const path of paths) {
    const { kind, target } = await explaining(path, () => destinationOf(path));
    if (kind !== 'file') continue;
    const directory = dirname(target);
    const file = join(await realpath(directory).catch(() => directory), basename(target));
    const other = names.get(file);
    if (other !== undefined) {
      throw new DecadeError('usage', {
        where: path,
        received: other === path ? 'the same file for two outputs' : `the same file as ${other}, for two outputs`,
        allowed: 'a file for each output',
      });
    }
    names.set(file, path);
  }
}

/** What commands that ended without giving a file its name have left beside it. */
export async function partialsOf(path: string): Promise<string[]> {
  const directory = dirname(path);
  const beginning = `${temporaryBeginning(basename(path))}.`;
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.startsWith(beginning) && temporaryEnding.test(name.slice(beginning.length - 1)))
    .map((name) => join(directory, name));
}

/** The permissions of a file; undefined of what is none. */
export async function modeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.mode & 0o777 : undefined;
}

/** The beginning of the file at `path`, to recognise its origin; undefined if there is none. */
export async function beginningOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const handle = await explaining(path, () => open(path, 'r'));
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(beginningBytes));
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

const beginningBytes = 512;

type Destination =
  | { readonly kind: 'descriptor'; readonly target: string; readonly descriptor: number }
  | { readonly kind: 'straight'; readonly target: string; readonly isPipe: boolean; readonly isTerminal: boolean }
  | { readonly kind: 'file'; readonly target: string; readonly replaced: Stats | undefined };

interface Sink extends OutputFile {
  readonly target: string;
}

async function openSink(path: string, mode: number | undefined): Promise<Sink> {
  const destination = await destinationOf(path);
  const { target } = destination;
  if (destination.kind === 'file') return WholeFile.open(path, destination, mode);
  if (destination.kind === 'descriptor') {
    return new StraightFile(path, target, descriptorWriter(destination.descriptor), isatty(destination.descriptor));
  }
  const { isPipe, isTerminal } = destination;
  return new StraightFile(path, target, isPipe ? await openPipeToWrite(target) : await nodeFiles.create(target), isTerminal);
}

const packedNames = /\.(xz|bz2|zst|zip|7z|lz4|lzma|tar|tgz|tbz2?|txz)$/i;
const mostLinks = 40;

/** Where a path leads. */
async function destinationOf(path: string): Promise<Destination> {
  if (path === '') throw fileError('missing', path);
  if (/[/\\]$/.test(path)) {
    throw new DecadeError('usage', { where: path, received: 'the name of a directory', allowed: 'a file', next: 'name a file in it' });
  }
  const [, packed] = packedNames.exec(path) ?? [];
  if (packed !== undefined) {
    throw new DecadeError('usage', {
      where: path,
      received: `a name that ends in .${packed.toLowerCase()}`,
      allowed: 'plain text, or gzip in a file that ends in .gz',
      next: 'write to standard output and compress it through a pipe',
    });
  }
  let target = resolve(path);
  for (let links = 0; links < mostLinks; links++) {
    const descriptor = descriptorOf(target);
    if (descriptor !== undefined) {
      requireUnread(descriptor, path);
      requireWritableDescriptor(descriptor, path);
      return { kind: 'descriptor', target, descriptor };
    }
    const link = await readlink(target).catch(() => undefined);
    if (link === undefined) break;
    target = resolve(await realpath(dirname(target)), link);
  }
  let found: Stats;
  try {
    found = await stat(target);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return { kind: 'file', target, replaced: undefined };
  }
  if (found.isDirectory()) throw fileError('directory', path);
  // Of what is no file, a terminal can only be read once, as a pipe can.
  const isTerminal = found.isCharacterDevice() && (await isPipe(target));
  if (!found.isFile()) return { kind: 'straight', target, isPipe: found.isFIFO(), isTerminal };
  requireUnread(path);
  // Opening changes nothing, and knows all that may forbid it: rights, a file that is immutable, a disk that is read-only.
  await (await open(target, constants.O_WRONLY)).close();
  return { kind: 'file', target, replaced: found };
}

/** Throws `usage` for a file that this process has read. */
export function requireUnread(path: string | number, name = String(path)): void {
  if (!wasRead(path)) return;
  throw new DecadeError('usage', {
    where: name,
    received: 'an output file that this command also reads',
    allowed: 'a different file',
    next: 'write to a new file and rename it afterwards',
  });
}

/** Throws `input` for a descriptor that only reads, as that of `<(...)` does, or that this process was not started with. */
function requireWritableDescriptor(descriptor: number, path: string): void {
  if (takesText(descriptor)) return;
  throw new DecadeError('input', {
    where: path,
    received: 'a descriptor that is not open for writing',
    allowed: 'a writable descriptor',
    next: 'use `>(COMMAND)` for a command that reads the output; `<(COMMAND)` provides input',
  });
}

/** Room for the ending: most file systems allow 255 bytes. */
const longestBeginning = 60;
const temporaryEnding = /^\.[0-9a-f]{8}\.partial$/;

/** What the temporary name of a file begins with. */
function temporaryBeginning(name: string): string {
  return Buffer.byteLength(name) <= 200 ? name : name.slice(0, longestBeginning);
}

class WholeFile implements Sink {
  readonly isTerminal = false;
  readonly target: string;
  readonly #path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #bytes = 0;

  private constructor(path: string, target: string, temporary: string, handle: FileHandle) {
    this.#path = path;
    this.target = target;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  static async open(path: string, { target, replaced }: Destination & { kind: 'file' }, mode?: number): Promise<WholeFile> {
    const directory = dirname(target);
    const temporary = join(directory, `${temporaryBeginning(basename(target))}.${crypto.randomUUID().slice(0, 8)}.partial`);
    const handle = await open(temporary, 'wx').catch(async (error: unknown) => {
      throw await aboutDirectory(error, path, directory, replaced !== undefined);
    });
    if (replaced === undefined && mode !== undefined) await handle.chmod(mode).catch(() => undefined);
    if (replaced !== undefined) {
      await handle.chmod(replaced.mode & 0o7777).catch(() => undefined);
      // Only the system's administrator may give files away.
      await handle.chown(replaced.uid, replaced.gid).catch(() => undefined);
    }
    return new WholeFile(path, target, temporary, handle);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await explaining(this.#path, () => this.#handle.write(bytes, done));
      done += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }

  async finish(): Promise<void> {
    await explaining(this.#path, () => this.#handle.sync());
    await explaining(this.#path, () => this.#handle.close());
    requireUnread(this.target, this.#path);
    await explaining(this.#path, () => rename(this.#temporary, this.target));
    await nodeFiles.syncDirectory(dirname(this.target)).catch(() => undefined);
  }

  async abandon(keep = true): Promise<string | undefined> {
    await this.#handle.close().catch(() => undefined);
    if (keep && this.#bytes > 0) return this.#temporary;
    await rm(this.#temporary, { force: true }).catch(() => undefined);
    return undefined;
  }
}

class StraightFile implements Sink {
  readonly isTerminal: boolean;
  readonly target: string;
  readonly #path: string;
  readonly #writer: PipeWriter;

  constructor(path: string, target: string, writer: PipeWriter, isTerminal: boolean) {
    this.isTerminal = isTerminal;
    this.#path = path;
    this.target = target;
    this.#writer = writer;
  }

  write(bytes: Uint8Array): Promise<void> {
    return explaining(this.#path, () => this.#writer.write(bytes));
  }

  finish(): Promise<void> {
    return explaining(this.#path, () => this.#writer.close());
  }

  async abandon(): Promise<undefined> {
    await this.#writer.close().catch(() => undefined);
    return undefined;
  }
}

/** Packs what is written. */
class PackedFile implements OutputFile {
  readonly isTerminal = false;
  readonly #sink: Sink;
  readonly #gzip: Gzip = createGzip();
  #packed: Uint8Array[] = [];

  constructor(sink: Sink) {
    this.#sink = sink;
    this.#gzip.on('data', (chunk: Uint8Array) => this.#packed.push(chunk));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((done, fail) => this.#gzip.write(bytes, (error) => (error ? fail(error) : done())));
    await this.#pass();
  }

  async finish(): Promise<void> {
    await this.#end();
    await this.#sink.finish();
  }

  async abandon(keep = true): Promise<string | undefined> {
    // So that what is kept can be unpacked.
    if (keep && this.#gzip.bytesWritten > 0) await this.#end().catch(() => undefined);
    return this.#sink.abandon(keep);
  }

  async #end(): Promise<void> {
    if (!this.#gzip.readableEnded) {
      await new Promise<void>((done) => {
        this.#gzip.once('end', done);
        this.#gzip.end();
      });
    }
    await this.#pass();
  }

  async #pass(): Promise<void> {
    const packed = this.#packed;
    this.#packed = [];
    for (const chunk of packed) await this.#sink.write(chunk);
  }
}

/** The error of a directory in which no file can be made, told of the path that was asked for. */
async function aboutDirectory(error: unknown, path: string, directory: string, isReplacing: boolean): Promise<unknown> {
  const failed = explained(path, error);
  const { received } = failed.parts;
  if (received === fileError('missing', path).parts.received) return fileError('missing', directory, error);
  if (!isReplacing || failed.kind !== 'resource') return failed;
  return new DecadeError('resource', {
    where: path,
    received: `${received} for its directory, where the new file is written before it replaces the old one`,
    next: 'write to standard output (`> FILE`), or choose another path',
    cause: error,
  });
}
