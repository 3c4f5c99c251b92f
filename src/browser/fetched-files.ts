import { DecadeError } from '../core/errors.js';
import { endOfFileError, fileError } from '../core/file-errors.js';
import type { RandomAccessFile, ReadableFiles } from '../core/files.js';

const pieceBytes = 4 * 1024 ** 2;

/**
 * Files of web servers, their URLs for paths. Each is fetched completely and once: a blob has a known size, whatever the
 * compression of the server, and can be read at any position although many servers do not support ranges; browsers keep large blobs
 * outside the heap.
 */
export function fetchedFiles(): ReadableFiles {
  const fetched = new Map<string, Promise<Blob | undefined>>();

  function find(url: string): Promise<Blob | undefined> {
    const found = fetched.get(url) ?? fetchBlob(url);
    fetched.set(url, found);
    return found;
  }

  async function get(url: string): Promise<Blob> {
    const blob = await find(url);
    if (blob === undefined) throw fileError('missing', url);
    return blob;
  }

  return {
    kind: async (url) => ((await find(url)) === undefined ? 'missing' : 'file'),
    async *stream(url) {
      const blob = await get(url);
      for (let start = 0; start < blob.size; start += pieceBytes) yield bytesOf(blob, start, start + pieceBytes);
    },
    open: async (url) => blobFile(url, await get(url)),
  };
}

/** Undefined where the server has no such file. */
async function fetchBlob(url: string): Promise<Blob | undefined> {
  try {
    const response = await fetch(url);
    if (response.ok) return await response.blob();
    if (response.status === 404 || response.status === 410) return undefined;
    throw new DecadeError('input', { where: url, received: `HTTP status ${response.status}`, next: 'check the URL and the server' });
  } catch (cause) {
    if (cause instanceof DecadeError) throw cause;
    const received = `a request that failed (${cause instanceof Error ? cause.message : String(cause)})`;
    const next = "check the URL and the network, and for another server's files that it allows this page to read them (CORS)";
    throw new DecadeError('resource', { where: url, received, next, cause });
  }
}

function blobFile(url: string, blob: Blob): RandomAccessFile {
  return {
    size: blob.size,
    async read(target, position) {
      if (position + target.length > blob.size) throw endOfFileError(url, position, target.length, blob.size);
      target.set(await bytesOf(blob, position, position + target.length));
    },
    close: async () => {},
  };
}

async function bytesOf(blob: Blob, start: number, end: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(start, end).arrayBuffer());
}
