import { DecadeError } from './errors.js';

/** Why a file operation failed, whatever the file system. */
export type FileFailure =
  | 'missing'
  | 'directory'
  | 'notDirectory'
  | 'danglingLink'
  | 'notEmpty'
  | 'pipe'
  | 'denied'
  | 'readOnly'
  | 'full'
  | 'tooManyOpen'
  | 'closedPipe'
  | 'closed'
  | 'nameTooLong'
  | 'endlessLink'
  | 'zeroByte'
  | 'noMemory'
  | 'device';

interface Wording {
  kind: 'input' | 'resource';
  received: string;
  allowed?: string;
  next?: string;
}

const wordings: Readonly<Record<FileFailure, Wording>> = {
  missing: { kind: 'input', received: 'no such file or directory', next: 'check the path' },
  directory: { kind: 'input', received: 'a directory', allowed: 'a file' },
  notDirectory: { kind: 'input', received: 'a file', allowed: 'a directory' },
  danglingLink: { kind: 'input', received: 'a dangling link', next: 'create its target, or remove the link' },
  notEmpty: { kind: 'input', received: 'a directory that is not empty', allowed: 'an empty or missing one' },
  pipe: { kind: 'input', received: 'a pipe, which has no random access', allowed: 'a file' },
  denied: { kind: 'resource', received: 'permission denied', next: "change the file's permissions or choose another path" },
  readOnly: { kind: 'resource', received: 'a read-only file system', next: 'choose another path' },
  full: { kind: 'resource', received: 'disk full', next: 'free some space or choose another path' },
  tooManyOpen: { kind: 'resource', received: 'too many open files', next: 'raise the limit with `ulimit -n`' },
  closedPipe: { kind: 'resource', received: 'the reader closed the pipe' },
  closed: { kind: 'resource', received: 'the file was already closed' },
  endlessLink: { kind: 'input', received: 'a circular link', next: 'check where it points' },
  zeroByte: { kind: 'input', received: 'a path with a NUL byte', allowed: 'a path without NUL bytes' },
  noMemory: {
    kind: 'resource',
    received: 'not enough memory to open or read it',
    next: 'close other programs or raise the limit of the process',
  },
  device: { kind: 'resource', received: 'the disk or device failed', next: 'check the device, or choose another path' },
  nameTooLong: { kind: 'input', received: 'a name that is too long', next: 'choose a shorter one' },
};

/** The error for a failed operation on `path`. */
export function fileError(failure: FileFailure, path: string, cause?: unknown): DecadeError {
  const { kind, ...words } = wordings[failure];
  return new DecadeError(kind, { where: path === '' ? '(empty path)' : path, ...words, cause });
}

/** The error for a read at [position, position + wanted) of a file that ends before. */
export function endOfFileError(path: string, position: number, wanted: number, size: number): DecadeError {
  return new DecadeError('input', {
    where: path,
    received: `a file of ${size} bytes, too short to read ${wanted} bytes at offset ${position}`,
    allowed: `at least ${position + wanted} bytes`,
    next: 'the file is truncated; copy or create it again',
  });
}
