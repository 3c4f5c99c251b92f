import { DecadeError } from '../core/errors.js';
import { endOfFileError, fileError } from '../core/file-errors.js';
import type { RandomAccessFile, ReadableFiles } from '../core/files.js';

const pieceBytes = 4 * 1024 ** 2;

/**
 * Files that are blobs, each looked for once: in a list that a page has, or on a web server.
 *
 * @param find  the contents at a path; undefined where there is none
 */
export function blobFiles(find: (path: string) => Promise<Blob | undefined>): ReadableFiles {
  const found = new Map<string, Promise<Blob | undefined>>();

  function findOnce(path: string): Promise<Blob | undefined> {
    const blob = found.get(path) ?? find(path);
    found.set(path, blob);
    return blob;
  }

  async function get(path: string): Promise<Blob> {
    const blob = await findOnce(path);
    if (blob === undefined) throw fileError('missing', path);
    return blob;
  }

  return {
    kind: async (path) => ((await findOnce(path)) === undefined ? 'missing' : 'file'),
    async *stream(path) {
      const blob = await get(path);
      for (let start = 0; start < blob.size; start += pieceBytes) yield bytesOf(blob, start, start + pieceBytes);
    },
    open: async (path) => blobFile(path, await get(path)),
  };
}

export function blobFile(path: string, blob: Blob): RandomAccessFile {
  return {
    size: blob.size,
    async read(target, position) {
      if (position + target.length > blob.size) throw endOfFileError(path, position, target.length, blob.size);
      target.set(await bytesOf(blob, position, position + target.length).catch((cause) => refuseChanged(path, cause)));
    },
    close: async () => {},
  };
}

async function bytesOf(blob: Blob, start: number, end: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(start, end).arrayBuffer());
}

/** A file that a visitor has chosen is only read now. */
function refuseChanged(path: string, cause: unknown): never {
  const next = 'choose the file again';
  throw new DecadeError('input', { where: path, received: 'a file that cannot be read, or has changed since it was chosen', next, cause });
}
