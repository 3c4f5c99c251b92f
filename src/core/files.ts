/**
 * The file system of the library: `node/` implements it with the disk, `browser/` with web servers, and `memoryFiles` (tests)
 * with a map. No library folder opens files in any other way.
 *
 * Every method rejects with a `DecadeError` that names the path (`input` for a missing file, a directory in the place
 * of a file; `resource` for a full disk or missing rights).
 */
export interface Files {
  /** The absolute form of a path, independent of the current directory. */
  absolute(path: string): string;
  /** The absolute path, without links, of what a path leads to or would be made at it. */
  realPath(path: string): Promise<string>;
  kind(path: string): Promise<'file' | 'directory' | 'missing'>;
  /** Size of a file in bytes. */
  size(path: string): Promise<number>;
  /** The whole file. Only for small files. */
  readBytes(path: string): Promise<Uint8Array>;
  /** The whole file as text; rejects when it is not valid UTF-8. */
  readText(path: string): Promise<string>;
  /** The file's bytes in chunks, as they are read. */
  stream(path: string): AsyncIterable<Uint8Array>;
  /** Opens a file for reading at any position. */
  open(path: string): Promise<RandomAccessFile>;
  /** Creates or truncates a file for writing. */
  create(path: string): Promise<FileWriter>;
  /** Opens a file for writing at its end, creating it when missing. */
  append(path: string): Promise<FileWriter>;
  truncate(path: string, bytes: number): Promise<void>;
  /** Creates a directory and its parents. */
  makeDirectory(path: string): Promise<void>;
  /** Renames a file or directory; atomic on one volume. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a directory with its contents; missing is not an error. */
  remove(path: string): Promise<void>;
  /** Removes a directory if it is empty. A missing directory is not an error. */
  removeIfEmpty(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when the directory is missing. */
  list(path: string): Promise<string[]>;
  /** Waits until a directory's entries are on the disk. */
  syncDirectory(path: string): Promise<void>;
  /** Locks a file, which is created if missing, until it is released or the process ends in any way. */
  lock(path: string): Promise<LockAttempt>;
}

/** The part of a file system that is needed to use a model: a web server can provide it as well as a disk. */
export type ReadableFiles = Pick<Files, 'kind' | 'stream' | 'open'>;

export type LockAttempt =
  /** `release` also removes the file. It never rejects: a file without a holder does not lock anyone out. */
  | { readonly kind: 'held'; release(): Promise<void> }
  /** Another process holds it; `holder` describes the process, as far as it is known. */
  | { readonly kind: 'taken'; readonly holder: string }
  /** The system has no such locks here, or does not permit them. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface RandomAccessFile {
  readonly size: number;
  /** Fills `target` with the bytes from `position` on; rejects when the file ends before. Accepts shared buffers. */
  read(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

export interface FileWriter {
  /** Accepts views of shared buffers. */
  write(bytes: Uint8Array): Promise<void>;
  /** Waits until what was written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Joins parts of a path with `/`, which every supported platform understands. */
export function joinPath(...parts: string[]): string {
  return parts
    .filter((part) => part !== '')
    .join('/')
    .replace(/([^:])\/{2,}/g, '$1/');
}
