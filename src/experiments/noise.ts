import { randomKey, shuffle, uniformInteger } from '../core/random.js';
import { alignmentScore } from '../data/curation/alignment-score.js';
import type { CorpusLine } from '../data/curation/corpus-line.js';
import { deduplicate } from '../data/curation/deduplicate.js';
import { filterLines } from '../data/curation/filter-lines.js';
import type { Verdict } from '../data/curation/verdict.js';
import type { Sentences } from './steps.js';

/**
 * Pairs that a corpus should not have: the target of another pair; a target in another language; the source once more as target;
 * a pair that is there already, or nearly; a target that is cut off, has its words in another order, or was decoded wrongly.
 */
export const noiseKinds = ['misaligned', 'wrong language', 'copied', 'duplicated', 'damaged'] as const;
export type NoiseKind = (typeof noiseKinds)[number];

export interface NoisyPair {
  readonly source: string;
  readonly target: string;
  readonly isNoise: boolean;
}

/**
 * The pairs of a corpus with noise made of some of them mixed in, in an order that depends on nothing but their number.
 *
 * @param share    of noise among all pairs afterwards
 * @param foreign  sentences in another language than that of the targets
 */
export function withNoise({ sources, references }: Sentences, kind: NoiseKind, share: number, foreign: readonly string[]): NoisyPair[] {
  const clean = sources.map((source, index) => ({ source, target: references[index] ?? '', isNoise: false }));
  const order = clean.map((_, index) => index);
  shuffle(order, randomKey(1, 'corpus', noiseKinds.indexOf(kind)));
  const count = Math.round((clean.length * share) / (1 - share));
  const noise = Array.from({ length: count }, (_, index) => {
    const pair = clean[order[index % order.length] as number] as NoisyPair;
    const other = clean[order[(index + 1) % order.length] as number] as NoisyPair;
    return { ...spoilt(kind, index, pair, other, foreign), isNoise: true };
  });
  const all = [...clean, ...noise];
  shuffle(all, randomKey(2, 'corpus', noiseKinds.indexOf(kind), count));
  return all;
}

function spoilt(kind: NoiseKind, index: number, { source, target }: NoisyPair, other: NoisyPair, foreign: readonly string[]) {
  switch (kind) {
    case 'misaligned':
      return { source, target: other.target };
    case 'wrong language':
      return { source, target: foreign[index % foreign.length] ?? '' };
    case 'copied':
      return { source, target: source };
    case 'duplicated':
      return { source: index % 2 === 0 ? source : `${source} !`, target };
    case 'damaged':
      return { source, target: damaged(index, target) };
  }
}

const latin1 = new TextDecoder('latin1');

function damaged(index: number, target: string): string {
  const words = target.split(' ');
  switch (index % 3) {
    case 0:
      return words.slice(0, Math.ceil(words.length / 3)).join(' ');
    case 1:
      shuffle(words, randomKey(1, 'shuffle', index));
      return words.join(' ');
    default: {
      const misread = latin1.decode(new TextEncoder().encode(target));
      const place = uniformInteger(randomKey(1, 'sample', index), 0, target.length + 1);
      return misread === target ? `${target.slice(0, place)}\ufffd${target.slice(place + 1)}` : misread;
    }
  }
}

/** From this similarity on, of the whole pair, a pair is a near duplicate. */
const similarity = 0.9;

/**
 * What `decade data dedup --near 0.9`, `decade data filter --languages` and `decade data filter --alignment`, one after the other, leave of
 * some pairs: the words are aligned of what the cheaper rules have left.
 *
 * @param languages  of the source and of the target; undefined where they are not known
 */
export async function cleaned<Pair extends Pick<NoisyPair, 'source' | 'target'>>(
  pairs: readonly Pair[],
  languages: readonly [string, string] | undefined,
  signal: AbortSignal | undefined,
): Promise<Pair[]> {
  const lines = pairs.map(({ source, target }, index): CorpusLine => ({ number: index, sides: [source, target] }));
  const unique = await keptOf(deduplicate(lines, { similarity, signal }));
  const plain = await keptOf(filterLines(unique, { languages: languages && [...languages], signal }));
  const kept = await keptOf(filterLines(plain, { scorers: { alignment: alignmentScore(plain) }, signal }));
  return kept.flatMap(({ number }) => pairs[number] ?? []);
}

async function keptOf(verdicts: AsyncIterable<Verdict>): Promise<CorpusLine[]> {
  const kept: CorpusLine[] = [];
  for await (const { line, dropped } of verdicts) if (dropped === undefined) kept.push(line);
  return kept;
}
