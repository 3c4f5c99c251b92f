import { Bitext } from './bitext.js';
import { type LexiconEntry, lexiconOf } from './lexicon.js';
import type { AlignmentOptions } from './options.js';
import type { Links } from './symmetrisation.js';
import { type AlignmentControl, type AlignmentSides, WordAlignment } from './word-alignment.js';
import { WordIds, type WordSplit, wordSplitter } from './words.js';

export interface TextAlignmentOptions extends AlignmentOptions {
  readonly sides: AlignmentSides;
  readonly split: WordSplit;
  readonly lowercase: boolean;
}

/** A line of a parallel corpus; undefined for one that holds no pair, which keeps its place. */
export type PairOfLines = { readonly source: string; readonly target: string } | undefined;

/** How the words of a parallel corpus are linked. */
export interface TextAlignment {
  readonly pairs: number;
  /** Of each pair in its place; none of a pair with an empty side. */
  links(): Iterable<Links>;
  /** The translation of every source word that has one, the most frequent words first. */
  lexicon(): LexiconEntry[];
}

/** Reads a parallel corpus, 4 bytes per word, and aligns its words: most memory is that of word pairs, 1.4 GB at most. */
export async function alignText(
  pairs: AsyncIterable<PairOfLines> | Iterable<PairOfLines>,
  { sides, split, lowercase, ...options }: TextAlignmentOptions,
  control: AlignmentControl = {},
): Promise<TextAlignment> {
  const bitext = new Bitext();
  const words = wordSplitter(split, lowercase);
  const [sources, targets] = [new WordIds(), new WordIds()];
  for await (const pair of pairs) {
    const { source = '', target = '' } = pair ?? {};
    bitext.add(words(source).map(sources.id), words(target).map(targets.id));
  }
  const alignment = await WordAlignment.estimate(bitext, { source: sources.size, target: targets.size }, options, { ...control, sides });
  const links = function* () {
    for (let pair = 0; pair < bitext.pairs; pair++) yield alignment.align(bitext.source(pair), bitext.target(pair));
  };
  return {
    pairs: bitext.pairs,
    links,
    lexicon: () => lexiconOf(bitext, links(), sources.size).map(([source, target]) => [sources.word(source), targets.word(target)]),
  };
}
