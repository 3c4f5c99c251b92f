import { Bitext } from './bitext.js';
import type { AlignmentOptions } from './options.js';
import { PairScores } from './pair-scores.js';
import { type AlignmentControl, WordAlignment } from './word-alignment.js';
import { WordIds } from './words.js';

/** The words of both sides of a sentence pair. */
export type PairOfWords = readonly [source: readonly string[], target: readonly string[]];

/** In nats per word: see `PairScores`. NaN where it says nothing. */
export type WordPairScore = (pair: PairOfWords, isOfCorpus: boolean) => number;

/** Aligns the words of a corpus, of which 4 bytes per word are held meanwhile, to tell how well sides fit each other. */
export async function learnPairScore(
  pairs: AsyncIterable<PairOfWords> | Iterable<PairOfWords>,
  options: AlignmentOptions,
  control: AlignmentControl = {},
): Promise<WordPairScore> {
  const bitext = new Bitext();
  const [sources, targets] = [new WordIds(), new WordIds()];
  for await (const [source, target] of pairs) bitext.add(source.map(sources.id), target.map(targets.id));
  const vocabularies = { source: sources.size, target: targets.size };
  const alignment = await WordAlignment.estimate(bitext, vocabularies, options, control);
  const scores = await PairScores.count(alignment, bitext, vocabularies, options, control);
  return ([source, target], isOfCorpus) => scores.score(source.map(sources.find), target.map(targets.find), isOfCorpus);
}
