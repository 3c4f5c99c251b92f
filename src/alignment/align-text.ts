import { Bitext } from './bitext.js';
import { type LexiconEntry, lexiconOf } from './lexicon.js';
import type { AlignmentOptions } from './options.js';
import type { Links } from './symmetrisation.js';
import { type AlignmentControl, type AlignmentSides, WordAlignment } from './word-alignment.js';
import { mostWordsAligned, WordIds, type WordSplit, wordSplitter } from './words.js';

export interface TextAlignmentOptions extends AlignmentOptions {
  readonly sides: AlignmentSides;
  readonly split: WordSplit;
  readonly lowercase: boolean;
  /** Told of a pair, counted from 0, with more than `mostWordsAligned` words on a side: it is not learnt from, and its alignment is empty. */
  readonly onTooLong?: (pair: number, words: number) => void;
}

/** A line of a parallel corpus; undefined for one that holds no pair, which keeps its place. */
export type PairOfLines = { readonly source: string; readonly target: string } | undefined;

/** How the words of a parallel corpus are linked. */
export interface TextAlignment {
  readonly pairs: number;
  /** Of each pair in its place; none of a pair with an empty side. */
  links(): Iterable<Links>;
  /** The translation of every source word that has one, the most frequent words first. */
  lexicon(control?: Pick<AlignmentControl, 'signal'>): Promise<LexiconEntry[]>;
}

/** Reads a parallel corpus, 4 bytes per word, and aligns its words: most memory is that of word pairs, 1.4 GB at most. */
export async function alignText(
  pairs: AsyncIterable<PairOfLines> | Iterable<PairOfLines>,
  { sides, split, lowercase, onTooLong, ...options }: TextAlignmentOptions,
  control: AlignmentControl = {},
): Promise<TextAlignment> {
  const bitext = new Bitext();
  const words = wordSplitter(split, lowercase);
  const [sources, targets] = [new WordIds(), new WordIds()];
  for await (const pair of pairs) {
    const [source, target] = [words(pair?.source ?? ''), words(pair?.target ?? '')];
    const longest = Math.max(source.length, target.length);
    if (longest <= mostWordsAligned) bitext.add(source.map(sources.id), target.map(targets.id));
    else {
      onTooLong?.(bitext.pairs, longest);
      bitext.add([], []);
    }
  }
  const alignment = await WordAlignment.estimate(bitext, { source: sources.size, target: targets.size }, options, { ...control, sides });
  const links = function* () {
    for (let pair = 0; pair < bitext.pairs; pair++) yield alignment.align(bitext.source(pair), bitext.target(pair));
  };
  return {
    pairs: bitext.pairs,
    links,
    async lexicon(control) {
      const entries = await lexiconOf(bitext, links(), sources.size, control);
      return entries.map(([source, target]) => [sources.word(source), targets.word(target)]);
    },
  };
}
