import { DecadeError } from '../core/errors.js';

/** How much of a file has arrived. */
export interface LoadProgress {
  readonly url: string;
  readonly bytes: number;
  /** Undefined where the server does not say, and for a compressed answer, of which it says something else. */
  readonly total: number | undefined;
}

export interface DownloadControl {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/**
 * The answer of a server.
 *
 * @throws DecadeError `resource` for a network that fails, the signal's reason when it aborts
 */
export async function answerOf(url: string, { signal }: DownloadControl = {}): Promise<Response> {
  return fetch(url, signal === undefined ? {} : { signal }).catch((cause) => refuseNetwork(url, cause, signal));
}

/**
 * All of an answer: a blob has a known size, whatever the compression of the server, can be read at any position although many servers
 * do not support ranges, and large ones lie outside the heap. Undefined where the server has no such file.
 *
 * @throws DecadeError `input` for another status, `resource` for a connection that fails
 */
export async function blobOf(url: string, response: Response, { signal, onProgress }: DownloadControl = {}): Promise<Blob | undefined> {
  const { status, body, headers } = response;
  if (!response.ok) {
    await body?.cancel();
    if (status === 404 || status === 410) return undefined;
    throw new DecadeError('input', { where: url, received: `HTTP status ${status}`, next: 'check the URL and the server' });
  }
  if (response.bodyUsed) {
    const next = 'give the response itself, or response.clone()';
    throw new DecadeError('usage', {
      where: url,
      received: 'a response that has been read',
      allowed: 'one whose body nobody has read',
      next,
    });
  }
  const announced = headers.has('content-encoding') ? undefined : Number(headers.get('content-length') ?? Number.NaN);
  const total = Number.isSafeInteger(announced) ? announced : undefined;
  let bytes = 0;
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length;
      onProgress?.({ url, bytes, total });
      controller.enqueue(chunk);
    },
  });
  const stream = body?.pipeThrough(counted, signal === undefined ? {} : { signal }) ?? null;
  return new Response(stream).blob().catch((cause) => refuseNetwork(url, cause, signal));
}

function refuseNetwork(url: string, cause: unknown, signal: AbortSignal | undefined): never {
  signal?.throwIfAborted();
  const received = `a request that failed (${cause instanceof Error ? cause.message : String(cause)})`;
  const next = "check the URL and the network, and for another server's files that it allows this page to read them (CORS)";
  throw new DecadeError('resource', { where: url, received, next, cause });
}
