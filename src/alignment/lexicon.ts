import { turns } from '../core/event-loop.js';
import { NumberedPairs } from '../core/numbered-pairs.js';
import type { Bitext } from './bitext.js';
import type { Links } from './symmetrisation.js';
import type { AlignmentControl } from './word-alignment.js';

/** A source word and what it is translated by. */
export type LexiconEntry = readonly [source: string, target: string];

const mostLinkedPairs = 2 ** 25;

/**
 * The target word that each source word is linked to most often, of those that are linked at all; the most frequent source words first.
 *
 * @param links  of each pair of the text, in their order
 */
export async function lexiconOf(
  bitext: Bitext,
  links: Iterable<Links>,
  sourceWords: number,
  { signal }: Pick<AlignmentControl, 'signal'> = {},
): Promise<[source: number, target: number][]> {
  const pairs = new NumberedPairs(mostLinkedPairs);
  const counts: number[] = [];
  const frequency = new Int32Array(sourceWords);
  const turn = turns();
  let number = 0;
  for (const ofPair of links) {
    await turn();
    signal?.throwIfAborted();
    const [source, target] = [bitext.source(number), bitext.target(number)];
    for (const word of source) frequency[word] = (frequency[word] as number) + 1;
    for (let link = 0; link < ofPair.length; link += 2) {
      const pair = pairs.add(source[ofPair[link] as number] as number, target[ofPair[link + 1] as number] as number);
      if (pair >= 0) counts[pair] = (counts[pair] ?? 0) + 1;
    }
    number++;
  }
  const best = new Int32Array(sourceWords).fill(-1);
  for (const [pair, source] of pairs.firsts.entries()) {
    const before = best[source] as number;
    if (before < 0 || (counts[pair] as number) > (counts[before] as number)) best[source] = pair;
  }
  return Array.from(best.keys())
    .filter((source) => (best[source] as number) >= 0)
    .sort((a, b) => (frequency[b] as number) - (frequency[a] as number) || a - b)
    .map((source) => [source, pairs.seconds[best[source] as number] as number]);
}
