import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DecadeError } from '../../core/errors.js';
import { endOfFileError, type FileFailure, fileError } from '../../core/file-errors.js';
import type { Files, FileWriter, RandomAccessFile } from '../../core/files.js';
import { decodeUtf8 } from '../../core/utf8.js';
import { lockFile } from './file-lock.js';

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
      // A plain Uint8Array: a Buffer's `slice` would share its bytes.
      const { buffer, byteOffset, byteLength } = await readFile(path);
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  readText: async (path) => decodeUtf8(await nodeFiles.readBytes(path), path),
  async *stream(path) {
    const handle = await explaining(path, () => open(path, 'r'));
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
      const handle = await open(path, 'r');
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
        if (code === 'EEXIST') throw fileError('notDirectory', path, cause);
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

async function explaining<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw explained(path, cause);
  }
}

/** The `DecadeError` for what Node's file system threw. */
export function explained(path: string, cause: unknown): DecadeError {
  if (cause instanceof DecadeError) return cause;
  const code = errorCode(cause);
  // Of a path, Node takes any value that is text but this.
  const failure = code === 'ERR_INVALID_ARG_VALUE' && path.includes('\0') ? 'zeroByte' : code === undefined ? undefined : failures[code];
  if (failure !== undefined) return fileError(failure, path, cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  return new DecadeError('resource', { where: path, received: message, cause });
}

function errorCode(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}
