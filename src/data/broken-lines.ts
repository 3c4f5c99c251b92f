import { type Passage, textOf } from './passage.js';

/** Where a passage has lines that are not valid UTF-8: `text.txt: line 3`. */
export function brokenPlaces(passage: Pick<Passage, 'bytes' | 'line' | 'path'>): string[] {
  return textOf(passage).brokenLines.map((line) => `${passage.path}: line ${line}`);
}
