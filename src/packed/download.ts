import { DecadeError } from '../core/errors.js';
import type { RandomAccessFile, ReadableFiles } from '../core/files.js';
import { tellingBytes } from './format.js';

export function isUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/** A path, also where it is given as the URL of a file: `file:///models/en-de.decade`. */
export function pathOf(given: string): string {
  if (!/^file:\/\//i.test(given)) return given;
  try {
    return decodeURIComponent(new URL(given).pathname).replace(/^\/([a-z]:\/)/i, '$1');
  } catch {
    return given;
  }
}

/**
 * A file of a web server that can be read while it arrives: what has arrived at any position, what has not as soon as it has. It is
 * held until the end, but nothing is set aside for bytes that are only announced.
 */
export class Download implements Pick<RandomAccessFile, 'read' | 'close'> {
  readonly #url: string;
  readonly #body: ReadableStreamDefaultReader<Uint8Array>;
  /** What has arrived, each with its position. */
  readonly #arrived: { readonly position: number; readonly bytes: Uint8Array }[] = [];
  readonly #signal: AbortSignal | undefined;
  #bytes = 0;
  #hasEnded = false;
  /** The last read: each waits for the one before. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(url: string, body: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal | undefined) {
    this.#url = url;
    this.#body = body;
    this.#signal = signal;
  }

  /**
   * Resolves when the first bytes have arrived. The signal ends the download at any time.
   *
   * @throws DecadeError `input` for what the server does not have or give, `resource` for a network that fails
   */
  static async begin(url: string, firstBytes: number, signal?: AbortSignal): Promise<Download> {
    let response: Response;
    try {
      response = await fetch(url, { signal: signal ?? null });
    } catch (cause) {
      signal?.throwIfAborted();
      throw failure(url, 'a request that failed', cause);
    }
    if (response.ok && response.body !== null) {
      const download = new Download(url, response.body.getReader(), signal);
      while (download.#bytes < firstBytes && !download.#hasEnded) await download.#receive();
      return download;
    }
    await response.body?.cancel();
    if (response.status === 404 || response.status === 410) {
      throw new DecadeError('input', {
        where: url,
        received: `no such file (HTTP status ${response.status})`,
        allowed: 'the URL of a packed model',
        next: 'check the URL',
      });
    }
    throw new DecadeError('input', { where: url, received: `HTTP status ${response.status}`, next: 'check the URL and the server' });
  }

  /** Known when all of it has arrived. */
  get size(): number | undefined {
    return this.#hasEnded ? this.#bytes : undefined;
  }

  /** Rejects where the file ends before. */
  read(target: Uint8Array, position: number): Promise<void> {
    const read = this.#turn.then(() => this.#read(target, position));
    this.#turn = read.catch(() => undefined);
    return read;
  }

  async close(): Promise<void> {
    await this.#body.cancel().catch(() => undefined);
    this.#arrived.length = 0;
  }

  async #read(target: Uint8Array, position: number): Promise<void> {
    const end = position + target.length;
    while (this.#bytes < end && !this.#hasEnded) await this.#receive();
    if (this.#bytes < end) throw this.#endedBefore(end);
    for (const arrived of this.#arrived.slice(this.#chunkAt(position))) {
      if (arrived.position >= end) break;
      const from = Math.max(0, position - arrived.position);
      target.set(arrived.bytes.subarray(from, end - arrived.position), arrived.position + from - position);
    }
  }

  async #receive(): Promise<void> {
    const next = await this.#body.read().catch((cause: unknown) => {
      this.#signal?.throwIfAborted();
      throw failure(this.#url, `a download that broke off after ${this.#bytes.toLocaleString('en')} bytes`, cause);
    });
    if (next.value !== undefined && next.value.length > 0) {
      this.#arrived.push({ position: this.#bytes, bytes: next.value });
      this.#bytes += next.value.length;
    }
    this.#hasEnded = next.done;
  }

  #endedBefore(wanted: number): DecadeError {
    return new DecadeError('input', {
      where: this.#url,
      received: `a download that ended after ${this.#bytes.toLocaleString('en')} bytes`,
      allowed: `at least ${wanted.toLocaleString('en')}`,
      next: 'download it again; if it ends there again, the file on the server is not whole',
    });
  }

  /** Index of the chunk that holds the byte at a position. */
  #chunkAt(position: number): number {
    let [low, high] = [0, this.#arrived.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#arrived[middle]?.position ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}

function failure(url: string, what: string, cause: unknown): DecadeError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason = inner instanceof Error ? inner.message : String(inner);
  const isPage = 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
  const next = `check the URL and the network${isPage ? ", and for another server's files that it allows this page to read them (CORS)" : ''}`;
  return new DecadeError('resource', { where: url, received: `${what} (${reason})`, next, cause });
}

/** A file to read from, or the beginning of its download. */
export function fileOrDownload(
  files: Pick<ReadableFiles, 'open'>,
  path: string,
  signal?: AbortSignal,
): Promise<RandomAccessFile | Download> {
  return isUrl(path) ? Download.begin(path, tellingBytes, signal) : files.open(pathOf(path));
}
