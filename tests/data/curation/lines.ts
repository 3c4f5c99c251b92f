import type { CorpusLine } from '../../../src/data/curation/corpus-line.js';
import type { Verdict } from '../../../src/data/curation/verdict.js';

export function pairsOf(...pairs: readonly (readonly [string, string])[]): CorpusLine[] {
  return pairs.map((sides, index) => ({ number: index + 1, sides }));
}

export function textOf(...lines: readonly string[]): CorpusLine[] {
  return lines.map((line, index) => ({ number: index + 1, sides: [line] }));
}

export async function gathered<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** `3 duplicate` for each line that is dropped. */
export async function droppedOf(verdicts: AsyncIterable<Verdict>): Promise<string[]> {
  return (await gathered(verdicts)).flatMap(({ line, dropped }) => (dropped === undefined ? [] : [`${line.number} ${dropped.reason}`]));
}
