import { endOfFileError, fileError } from './file-errors.js';
import type { Files, FileWriter, LockAttempt, RandomAccessFile } from './files.js';
import { decodeUtf8 } from './utf8.js';

const chunkBytes = 65_536;

/** A file's growing contents: `length` of `bytes` are used. */
interface Contents {
  bytes: Uint8Array;
  length: number;
}

/** Names of a directory. A file is its contents, a directory another map. */
type Directory = Map<string, Contents | Directory>;

/**
 * A file system in memory, for tests and for a page: the same results and the same errors as the disk. `initial` maps
 * paths to contents; parents are made. `.` and `..` are resolved and every path starts at the one root.
 */
export function memoryFiles(initial: Readonly<Record<string, string | Uint8Array>> = {}): Files {
  const root: Directory = new Map();
  const holders = new Map<Contents, string>();
  for (const [path, contents] of Object.entries(initial)) {
    const bytes = typeof contents === 'string' ? new TextEncoder().encode(contents) : contents.slice();
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw fileError('directory', path);
    makeDirectories(root, names, path).set(name, { bytes, length: bytes.length });
  }

  function find(path: string): Contents | Directory | undefined {
    let entry: Contents | Directory | undefined = path === '' ? undefined : root;
    for (const name of namesOf(path)) {
      if (entry === undefined) return undefined;
      if (!(entry instanceof Map)) throw fileError('notDirectory', path);
      entry = entry.get(name);
    }
    return entry;
  }

  function findFile(path: string): Contents {
    const entry = find(path);
    if (entry === undefined) throw fileError('missing', path);
    if (entry instanceof Map) throw fileError('directory', path);
    return entry;
  }

  function parentOf(path: string): { parent: Directory; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw fileError(path === '' ? 'missing' : 'directory', path);
    const parent = find(`/${names.join('/')}`);
    if (parent === undefined) throw fileError('missing', path);
    if (!(parent instanceof Map)) throw fileError('notDirectory', path);
    return { parent, name };
  }

  function openForWriting(path: string): Contents {
    const { parent, name } = parentOf(path);
    const entry = parent.get(name) ?? { bytes: new Uint8Array(0), length: 0 };
    if (entry instanceof Map) throw fileError('directory', path);
    parent.set(name, entry);
    return entry;
  }

  return {
    absolute: (path) => path,
    realPath: async (path) => `/${namesOf(path).join('/')}`,
    async kind(path) {
      try {
        const entry = find(path);
        return entry === undefined ? 'missing' : entry instanceof Map ? 'directory' : 'file';
      } catch {
        return 'missing';
      }
    },
    async size(path) {
      return findFile(path).length;
    },
    async readBytes(path) {
      return contentsOf(findFile(path)).slice();
    },
    async readText(path) {
      return decodeUtf8(contentsOf(findFile(path)), path);
    },
    async *stream(path) {
      const file = findFile(path);
      for (let at = 0; at < file.length; at += chunkBytes) {
        yield file.bytes.slice(at, Math.min(at + chunkBytes, file.length));
      }
    },
    async open(path) {
      return new MemoryReader(findFile(path), path);
    },
    async create(path) {
      const file = openForWriting(path);
      resize(file, 0);
      return new MemoryWriter(file, path, false);
    },
    async append(path) {
      return new MemoryWriter(openForWriting(path), path, true);
    },
    async truncate(path, bytes) {
      resize(findFile(path), bytes);
    },
    async makeDirectory(path) {
      if (path === '') throw fileError('missing', path);
      makeDirectories(root, namesOf(path), path);
    },
    async rename(from, to) {
      const source = parentOf(from);
      const moved = source.parent.get(source.name);
      if (moved === undefined) throw fileError('missing', from);
      const target = parentOf(to);
      const replaced = target.parent.get(target.name);
      if (replaced === moved) return;
      if (moved instanceof Map) {
        if (replaced !== undefined && !(replaced instanceof Map)) throw fileError('notDirectory', to);
        if (replaced !== undefined && replaced.size > 0) throw fileError('notEmpty', to);
      } else if (replaced instanceof Map) {
        throw fileError('directory', to);
      }
      source.parent.delete(source.name);
      target.parent.set(target.name, moved);
    },
    async remove(path) {
      if (find(path) === undefined) return;
      const { parent, name } = parentOf(path);
      parent.delete(name);
    },
    async removeIfEmpty(path) {
      const entry = find(path);
      if (entry === undefined) return;
      if (!(entry instanceof Map)) throw fileError('notDirectory', path);
      const { parent, name } = parentOf(path);
      if (entry.size === 0) parent.delete(name);
    },
    async list(path) {
      const entry = find(path);
      if (entry === undefined) return [];
      if (!(entry instanceof Map)) throw fileError('notDirectory', path);
      return [...entry.keys()].sort();
    },
    async syncDirectory(path) {
      const entry = find(path);
      if (entry === undefined) throw fileError('missing', path);
    },
    async lock(path): Promise<LockAttempt> {
      const { parent, name } = parentOf(path);
      const file = openForWriting(path);
      const holder = holders.get(file);
      if (holder !== undefined) return { kind: 'taken', holder };
      holders.set(file, `this process since ${new Date().toISOString()}`);
      return {
        kind: 'held',
        release: async () => {
          holders.delete(file);
          parent.delete(name);
        },
      };
    },
  };
}

class MemoryReader implements RandomAccessFile {
  readonly size: number;
  readonly #file: Contents;
  readonly #path: string;
  #open = true;

  constructor(file: Contents, path: string) {
    this.size = file.length;
    this.#file = file;
    this.#path = path;
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    if (!this.#open) throw fileError('closed', this.#path);
    const file = this.#file;
    if (position + target.length > file.length) throw endOfFileError(this.#path, position, target.length, file.length);
    target.set(file.bytes.subarray(position, position + target.length));
  }

  async close(): Promise<void> {
    this.#open = false;
  }
}

class MemoryWriter implements FileWriter {
  readonly #file: Contents;
  readonly #path: string;
  readonly #atEnd: boolean;
  #position = 0;
  #open = true;

  constructor(file: Contents, path: string, atEnd: boolean) {
    this.#file = file;
    this.#path = path;
    this.#atEnd = atEnd;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#requireOpen();
    const file = this.#file;
    const at = this.#atEnd ? file.length : this.#position;
    if (at + bytes.length > file.length) resize(file, at + bytes.length);
    file.bytes.set(bytes, at);
    this.#position = at + bytes.length;
  }

  async sync(): Promise<void> {
    this.#requireOpen();
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  #requireOpen(): void {
    if (!this.#open) throw fileError('closed', this.#path);
  }
}

function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

function makeDirectories(root: Directory, names: readonly string[], path: string): Directory {
  let directory = root;
  for (const name of names) {
    const entry = directory.get(name) ?? new Map();
    if (!(entry instanceof Map)) throw fileError('notDirectory', path);
    directory.set(name, entry);
    directory = entry;
  }
  return directory;
}

function contentsOf(file: Contents): Uint8Array {
  return file.bytes.subarray(0, file.length);
}

/** Cuts a file or extends it with zeros; room doubles, so that many small writes stay linear. */
function resize(file: Contents, length: number): void {
  if (length > file.bytes.length) {
    const grown = new Uint8Array(Math.max(length, 2 * file.bytes.length));
    grown.set(contentsOf(file));
    file.bytes = grown;
  } else if (length < file.length) {
    file.bytes.fill(0, length, file.length);
  }
  file.length = length;
}
