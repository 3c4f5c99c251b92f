import { type BigIntStats, fstatSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, rmdir, stat, truncate } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DecadeError } from '../../core/errors.js';
import { endOfFileError, type FileFailure, fileError } from '../../core/file-errors.js';
import type { Files, FileWriter, RandomAccessFile } from '../../core/files.js';
import { decodeUtf8 } from '../../core/utf8.js';
import { lockFile } from './file-lock.js';
import { descriptorOf, isPipe, isStop, readPipe, readSpooled, readStandardInput } from './pipes.js';

const chunkBytes = 262_144;
/** Node takes lengths of one read or write up to 2^31 - 1. */
const transferBytes = 1024 ** 3;

const failures: Readonly<Record<string, FileFailure>> = {
  ENOENT: 'missing',
  EISDIR: 'directory',
  ENOTDIR: 'notDirectory',
  ENOTEMPTY: 'notEmpty',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'readOnly',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EMFILE: 'tooManyOpen',
  ENFILE: 'tooManyOpen',
  EPIPE: 'closedPipe',
  EBADF: 'closed',
  ENAMETOOLONG: 'nameTooLong',
  ELOOP: 'endlessLink',
  ENOMEM: 'noMemory',
  EIO: 'device',
  ENXIO: 'device',
};

/** The disk. */
export const nodeFiles: Files = {
  absolute: (path) => resolve(path),
  realPath: (path) => explaining(path, () => withoutLinks(resolve(path))),
  async kind(path) {
    try {
      return (await stat(path)).isDirectory() ? 'directory' : 'file';
    } catch (cause) {
      const code = errorCode(cause);
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
      throw explained(path, cause);
    }
  },
  size: (path) =>
    explaining(path, async () => {
      const found = await stat(path);
      if (found.isDirectory()) throw fileError('directory', path);
      return found.size;
    }),
  readBytes: (path) =>
    explaining(path, async () => {
      if (await isPipe(path)) return await gathered(readSpooled(path));
      const handle = await openToRead(path);
      try {
        // A plain Uint8Array: a Buffer's `slice` would share its bytes.
        const { buffer, byteOffset, byteLength } = await handle.readFile();
        return new Uint8Array(buffer, byteOffset, byteLength);
      } finally {
        await handle.close();
      }
    }),
  readText: async (path) => decodeUtf8(await nodeFiles.readBytes(path), path),
  async *stream(path) {
    if (await explaining(path, () => isPipe(path))) {
      yield* explainingEach(path, readSpooled(path));
      return;
    }
    const handle = await explaining(path, () => openToRead(path));
    try {
      for (;;) {
        const chunk = new Uint8Array(chunkBytes);
        const { bytesRead } = await explaining(path, () => handle.read(chunk, 0, chunkBytes, null));
        if (bytesRead === 0) return;
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  },
  open: (path) =>
    explaining(path, async () => {
      if (await isPipe(path)) throw fileError('pipe', path);
      const handle = await openToRead(path);
      const found = await handle.stat();
      if (found.isDirectory()) {
        await handle.close();
        throw fileError('directory', path);
      }
      return new DiskReader(handle, path, found.size);
    }),
  create: (path) => explaining(path, async () => new DiskWriter(await open(path, 'w'), path)),
  append: (path) => explaining(path, async () => new DiskWriter(await open(path, 'a'), path)),
  truncate: (path, bytes) => explaining(path, () => truncate(path, bytes)),
  makeDirectory: (path) =>
    explaining(path, async () => {
      try {
        // Not `recursive`: where the system has the parent and yet says that there is none, as in /proc, Node 20 tries for ever.
        await mkdir(path);
      } catch (cause) {
        const code = errorCode(cause);
        if ((await nodeFiles.kind(path)) === 'directory') return;
        if (code === 'EEXIST') throw fileError((await nodeFiles.kind(path)) === 'missing' ? 'danglingLink' : 'notDirectory', path, cause);
        if (code !== 'ENOENT' || (await nodeFiles.kind(dirname(path))) !== 'missing') throw cause;
        await nodeFiles.makeDirectory(dirname(path));
        await nodeFiles.makeDirectory(path);
      }
    }),
  async rename(from, to) {
    try {
      await rename(from, to);
    } catch (cause) {
      // The error names both paths; only a missing source is about the first.
      const sourceIsMissing = errorCode(cause) === 'ENOENT' && (await nodeFiles.kind(from)) === 'missing';
      throw explained(sourceIsMissing ? from : to, cause);
    }
  },
  async remove(path) {
    if (path !== '') await explaining(path, () => rm(path, { recursive: true, force: true }));
  },
  removeIfEmpty: (path) =>
    explaining(path, async () => {
      try {
        await rmdir(path);
      } catch (cause) {
        const code = errorCode(cause) ?? '';
        if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) throw cause;
      }
    }),
  async list(path) {
    try {
      return (await readdir(path)).sort();
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return [];
      throw explained(path, cause);
    }
  },
  syncDirectory: (path) =>
    explaining(path, async () => {
      // Windows cannot open a directory as a file and writes its entries through by itself.
      if (process.platform === 'win32') return;
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  lock: (path) => explaining(path, () => lockFile(path)),
};

/** Of what is missing, its directory may still be behind a link. */
async function withoutLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const parent = dirname(path);
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(cause) ?? '') || parent === path) throw cause;
    return join(await withoutLinks(parent), basename(path));
  }
}

/** The bytes of a file or a pipe as they arrive, for a single reader: nothing of a pipe is kept. */
export async function* streamOnce(path: string): AsyncGenerator<Uint8Array> {
  if (await explaining(path, () => isPipe(path))) yield* explainingEach(path, readPipe(path));
  else yield* nodeFiles.stream(path);
}

/** The bytes of standard input as they arrive. */
export async function* streamStandardInput(name: string): AsyncGenerator<Uint8Array> {
  const found = fstatSync(0, { bigint: true });
  // Node takes a directory for an empty input.
  if (found.isDirectory()) throw fileError('directory', name);
  remember(found);
  yield* explainingEach(name, readStandardInput());
}

/** Files that were opened for reading, by device and inode: a command never overwrites its inputs. */
const filesRead = new Set<string>();

async function openToRead(path: string): Promise<FileHandle> {
  const handle = await open(path, 'r');
  remember(await handle.stat({ bigint: true }));
  return handle;
}

function remember({ dev, ino }: BigIntStats): void {
  filesRead.add(`${dev}:${ino}`);
}

/** Whether this process has read the file at `path`, by whatever name; a descriptor means the file behind it. */
export function wasRead(path: string | number): boolean {
  try {
    const found = typeof path === 'number' ? fstatSync(path, { bigint: true }) : statSync(path, { bigint: true });
    return found.isFile() && filesRead.has(`${found.dev}:${found.ino}`);
  } catch {
    return false;
  }
}

/** For a process that runs one command after the other. */
export function forgetFilesRead(): void {
  filesRead.clear();
}

class DiskReader implements RandomAccessFile {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string, size: number) {
    this.#handle = handle;
    this.#path = path;
    this.size = size;
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < target.length) {
      const wanted = Math.min(target.length - done, transferBytes);
      const { bytesRead } = await explaining(this.#path, () => this.#handle.read(target, done, wanted, position + done));
      if (bytesRead === 0) throw endOfFileError(this.#path, position, target.length, position + done);
      done += bytesRead;
    }
  }

  close(): Promise<void> {
    return explaining(this.#path, () => this.#handle.close());
  }
}

class DiskWriter implements FileWriter {
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const wanted = Math.min(bytes.length - done, transferBytes);
      const { bytesWritten } = await explaining(this.#path, () => this.#handle.write(bytes, done, wanted));
      done += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return explaining(this.#path, async () => {
      try {
        await this.#handle.sync();
      } catch (cause) {
        // Pipes and terminals have nothing to sync.
        if (errorCode(cause) !== 'EINVAL') throw cause;
      }
    });
  }

  close(): Promise<void> {
    return explaining(this.#path, () => this.#handle.close());
  }
}

export async function explaining<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw isStop(cause) ? cause : explained(path, cause);
  }
}

/** Passes on what comes from a path. */
async function* explainingEach(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (cause) {
    throw isStop(cause) ? cause : explained(path, cause);
  }
}

async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

/** The `DecadeError` for what Node's file system threw. */
export function explained(path: string, cause: unknown): DecadeError {
  if (cause instanceof DecadeError) return cause;
  const code = errorCode(cause);
  // Of a path, Node takes any value that is text but this.
  const failure = code === 'ERR_INVALID_ARG_VALUE' && path.includes('\0') ? 'zeroByte' : code === undefined ? undefined : failures[code];
  if (failure === 'missing' && descriptorOf(path) !== undefined) {
    const next = 'provide the same text again, through a pipe or as a file';
    return new DecadeError('input', { where: path, received: 'a pipe that no longer exists', next, cause });
  }
  if (failure !== undefined) return fileError(failure, path, cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DecadeError('resource', { where: path, received: message, cause });
}

function errorCode(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}
