import { DecadeError } from '../core/errors.js';
import { shownValue } from '../core/visible-text.js';
import { blobOf, type DownloadControl } from './download.js';
import type { Integrity, RunFiles, SentSource } from './requests.js';

/**
 * Where a model comes from: the URL of a run directory, or of a packed model if its path ends in `.decade`; a packed model itself; or
 * what `train` returned. URLs are relative to the page.
 */
export type Source = string | URL | Response | Blob | ArrayBuffer | Uint8Array | { readonly files: RunFiles };

const allowed = 'a URL, a Response, a Blob or File, bytes, or what train returned';

/** A source as the worker gets it. What only the page has, such as a response, is read here. */
export async function sentSource(
  where: string,
  source: Source,
  integrity: Integrity | undefined,
  control: DownloadControl,
): Promise<SentSource> {
  if (typeof source === 'string' || source instanceof URL) return { kind: 'url', url: absolute(where, source), integrity };
  if (source instanceof Response) {
    const name = source.url || 'response';
    const blob = await blobOf(name, source, control);
    if (blob !== undefined) return { kind: 'packed', name, blob, integrity };
    throw new DecadeError('input', {
      where: name,
      received: `HTTP status ${source.status}`,
      allowed: 'a packed model',
      next: 'check the URL',
    });
  }
  if (source instanceof Blob) return { kind: 'packed', name: 'name' in source ? String(source.name) : 'blob', blob: source, integrity };
  // The bytes may change while the worker reads.
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    return { kind: 'packed', name: 'bytes', blob: new Blob([source as Uint8Array<ArrayBuffer>]), integrity };
  }
  if (typeof source === 'object' && source !== null && source.files instanceof Map) {
    return { kind: 'run', name: 'trained', files: source.files };
  }
  throw new DecadeError('usage', { where, received: shownValue(source), allowed });
}

function absolute(where: string, url: string | URL): string {
  const base = typeof document === 'undefined' ? location.href : document.baseURI;
  try {
    return new URL(url, base).href;
  } catch (cause) {
    throw new DecadeError('usage', { where, received: shownValue(String(url)), allowed: 'the URL of a model', cause });
  }
}
