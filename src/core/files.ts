/**
 * The file system as the library sees it: `node/` gives the disk, `browser/` what a page can read, and
 * `memoryFiles` (tests) a map. No library folder opens a file in any other way.
 *
 * Every method rejects with a `DecadeError` that names the path (`input` for a missing file, a directory in the place
 * of a file; `resource` for a full disk or missing rights).
 */
export interface Files {
  /** What a path is called from anywhere; the same file whatever directory a program runs in. */
  absolute(path: string): string;
  kind(path: string): Promise<'file' | 'directory' | 'missing'>;
  /** Size of a file in bytes. */
  size(path: string): Promise<number>;
  /** The whole file. Only for files that are small by nature. */
  readBytes(path: string): Promise<Uint8Array>;
  /** The whole file as text; rejects when it is not valid UTF-8. */
  readText(path: string): Promise<string>;
  /** The file's bytes in pieces, as they are read. */
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
  /** Removes a directory when there is nothing in it; leaves it otherwise. Missing is not an error. */
  removeIfEmpty(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when the directory is missing. */
  list(path: string): Promise<string[]>;
  /** Waits until a directory's entries are on the disk. */
  syncDirectory(path: string): Promise<void>;
  /** Takes a file, made when missing, for the caller alone until it is released or the process ends, however it ends. */
  lock(path: string): Promise<LockAttempt>;
}

/** All of a file system that using a model takes, so that a web server can give it as well as a disk. */
export type ReadableFiles = Pick<Files, 'kind' | 'stream' | 'open'>;

export type LockAttempt =
  /** `release` removes the file, too. It never rejects: a file that nobody holds locks nobody out. */
  | { readonly kind: 'held'; release(): Promise<void> }
  /** Somebody else has it; `holder` says who, as people write it, as far as that can be known. */
  | { readonly kind: 'taken'; readonly holder: string }
  /** The system has no such locks here, or gives no right to them. */
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
