import { newest } from '../text/normalisation.js';
import { Pipeline } from '../text/pipeline.js';
import { Bitext } from './bitext.js';
import { type LexiconEntry, lexiconOf } from './lexicon.js';
import type { AlignmentOptions } from './options.js';
import type { Links } from './symmetrisation.js';
import { type AlignmentControl, type AlignmentSides, WordAlignment } from './word-alignment.js';

/** What counts as a word: what stands between spaces, as in text that is tokenized; or words, figures and single marks. */
export type WordSplit = 'spaces' | 'punctuation';

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
  const words = wordsOf(split, lowercase);
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

/** Words by number. */
class WordIds {
  readonly #ids = new Map<string, number>();
  readonly #words: string[] = [];

  get size(): number {
    return this.#words.length;
  }

  readonly id = (word: string): number => {
    const known = this.#ids.get(word);
    if (known !== undefined) return known;
    this.#ids.set(word, this.#words.length);
    return this.#words.push(word) - 1;
  };

  word(id: number): string {
    return this.#words[id] as string;
  }
}

function wordsOf(split: WordSplit, lowercase: boolean): (text: string) => string[] {
  if (split === 'spaces') return (text) => (lowercase ? text.toLowerCase() : text).split(/[ \t\r]+/).filter((word) => word !== '');
  const pipeline = new Pipeline({ segmentation: split, lowercase, normalisation: newest });
  return (text) => pipeline.pieces(pipeline.normalise(text)).map((piece) => piece.trimStart());
}
