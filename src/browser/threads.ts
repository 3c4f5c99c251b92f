import { DecadeError } from '../core/errors.js';

/** So many threads only wait for each other. */
const most = 64;

export interface PageThreads {
  readonly threads: number;
  readonly warnings: readonly DecadeError[];
}

/**
 * The threads that a page may compute on: browsers share memory only between threads of a page that is cross-origin isolated.
 *
 * @param wanted  undefined: one per core
 * @throws DecadeError `usage` for what is no number of threads
 */
export function pageThreads(wanted: number | undefined): PageThreads {
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1 && wanted <= most)) {
    throw new DecadeError('usage', { where: 'threads', received: String(wanted), allowed: `a whole number from 1 to ${most}` });
  }
  const threads = wanted ?? cores();
  if (threads === 1 || canShareMemory()) return { threads, warnings: [] };
  const [received, next] = isIsolated()
    ? ['a browser that shares no memory between threads', 'nothing is wrong with the page: other browsers use more threads']
    : [
        'a page that is not cross-origin isolated',
        'send the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
      ];
  const warning = new DecadeError('resource', {
    where: 'threads',
    received: `${received}, so that one thread computes`,
    allowed: `${threads} threads in an isolated page`,
    next,
  });
  return { threads: 1, warnings: [warning] };
}

/** WebKit may call a page isolated whose process was started without shared memory. */
export function canShareMemory(): boolean {
  return isIsolated() && typeof SharedArrayBuffer === 'function';
}

function isIsolated(): boolean {
  return globalThis.crossOriginIsolated === true;
}

export function cores(): number {
  return Math.min(most, globalThis.navigator?.hardwareConcurrency ?? 1);
}
