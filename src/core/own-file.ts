import { DecadeError } from './errors.js';
import type { Files } from './files.js';

/** Whether text begins like a file written by decade. */
export type IsOwn = (beginning: string) => boolean;

/**
 * Throws `usage` unless a file that the user did not name may be replaced: it is missing, empty, or an earlier one by decade.
 *
 * @param beginning  the first few hundred bytes of the file; undefined when there is none
 */
export function requireOwn(path: string, beginning: string | undefined, isOwn: IsOwn, next: string): void {
  if (beginning === undefined || beginning === '' || isOwn(beginning)) return;
  throw new DecadeError('usage', {
    where: path,
    received: 'a file that was not written by decade',
    allowed: 'a new name, or a file that decade wrote earlier',
    next,
  });
}

/** The first bytes of a file as text, all that is needed to know whose it is. */
export async function beginningOfFile(files: Pick<Files, 'stream'>, path: string): Promise<string> {
  for await (const chunk of files.stream(path)) return new TextDecoder().decode(chunk.subarray(0, beginningBytes));
  return '';
}

const beginningBytes = 512;
