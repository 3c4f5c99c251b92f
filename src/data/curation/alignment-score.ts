import { alignmentOptions } from '../../alignment/options.js';
import { learnPairScore, type PairOfWords, type WordPairScore } from '../../alignment/text-pair-scores.js';
import { mostWordsAligned, wordSplitter } from '../../alignment/words.js';
import { DecadeError } from '../../core/errors.js';
import type { CorpusLine, CorpusLines } from './corpus-line.js';
import type { LineScorer } from './filter-lines.js';
import { wordsOf } from './forms.js';

export interface AlignmentScoreOptions {
  /** The lines that are scored are others than those that are learnt from. Default: the same, and each is left out of what it is scored by. */
  readonly isForOthers?: boolean | undefined;
  /** Told how many lines were read, and then how much of the estimation is done, from 0 to 1. */
  readonly onProgress?: ((progress: { readonly read: number; readonly estimated: number }) => void) | undefined;
}

/** Lines between two reports. */
const linesAtOnce = 1_000;

/**
 * Learns from pairs which words translate which, for the rule `alignment`: by how many nats a word of either side gets more likely through
 * the other side, on average; about 0 or less where the sides have nothing to do with each other. Begins when the first line is to be scored,
 * reads all `lines` once, and holds 4 bytes per word and 40 bytes per pair of words that occur together, of at most 33 million. Lines of
 * more than 1,000 words on a side are not learnt from and get NaN. Throws `usage` for text in one language, and where there is nothing to
 * learn from for others.
 */
export function alignmentScore(lines: CorpusLines, { isForOthers = false, onProgress }: AlignmentScoreOptions = {}): LineScorer {
  const split = wordSplitter('punctuation', true);
  // Of scripts without spaces, every character is a word.
  const words = (text: string) => split(wordsOf(text).join(' '));
  const pairOf = ({ sides: [source = '', target] }: CorpusLine): PairOfWords => {
    if (target === undefined) throw new DecadeError('usage', { where: 'alignment', received: 'text in one language', allowed: 'pairs' });
    return [words(source), words(target)];
  };
  const isShort = (pair: PairOfWords) => pair.every((side) => side.length <= mostWordsAligned);
  let read = 0;
  const pairs = async function* (signal: AbortSignal | undefined) {
    for await (const line of lines) {
      if (read++ % linesAtOnce === 0) {
        signal?.throwIfAborted();
        onProgress?.({ read, estimated: 0 });
      }
      if (line.unusable !== undefined) continue;
      const pair = pairOf(line);
      if (isShort(pair)) yield pair;
    }
    if (isForOthers && read === 0) {
      throw new DecadeError('usage', { where: 'alignment corpus', received: 'no lines', allowed: 'pairs to learn from' });
    }
  };
  let learnt: Promise<WordPairScore> | undefined;
  return async (scored, signal) => {
    const onEstimated = (estimated: number) => onProgress?.({ read, estimated });
    learnt ??= learnPairScore(pairs(signal), alignmentOptions.parse({}), { signal, onProgress: onEstimated });
    const score = await learnt;
    return Float64Array.from(scored, (line) => {
      const pair = pairOf(line);
      return isShort(pair) ? score(pair, !isForOthers) : Number.NaN;
    });
  };
}
