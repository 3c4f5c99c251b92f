import { DecadeError } from '../core/errors.js';
import { counted } from '../core/counted.js';
import { type Passage, textOf } from './passage.js';

/** Where a passage has lines that are not valid UTF-8: `text.txt: line 3`. */
export function brokenPlaces(passage: Pick<Passage, 'bytes' | 'line' | 'path'>): string[] {
  return textOf(passage).brokenLines.map((line) => `${passage.path}: line ${line}`);
}

/** For one line that is not valid UTF-8. */
export function brokenLine(where: string): DecadeError {
  return new DecadeError('input', {
    where,
    received: 'bytes that are not valid UTF-8',
    allowed: 'text in UTF-8',
    next: 'convert the file, for example with `iconv -f LATIN1 -t UTF-8`',
  });
}

/**
 * For when the rest is done: tells of the first of these places, and how many others there are; undefined for none.
 *
 * @param became  what the output has of them
 */
export function brokenLinesError([first, ...others]: readonly string[], became: string): DecadeError | undefined {
  if (first === undefined) return undefined;
  const { parts } = brokenLine(first);
  const more = others.length === 0 ? '' : ` (and ${counted(others.length, 'more line')})`;
  return new DecadeError('input', { ...parts, received: `${parts.received}${more}; ${became}` });
}
