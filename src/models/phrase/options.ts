import * as z from 'zod';
import { alignmentOptions } from '../../alignment/options.js';
import { ngramOptions } from '../ngram/options.js';
import { phraseSearchOptions } from './search/options.js';

/** The longest phrases that there is room for: where a target word comes from is said in three bits. */
export const longestPhrase = 7;

export const phraseOptions = z.strictObject({
  kind: z
    .literal('phrase')
    .describe(
      'Phrase-based translation (Koehn et al. 2003): word alignment, phrase table, n-gram language model and weights tuned on the dev set. Counted: training has no updates, and most of its options no effect.',
    ),
  order: ngramOptions.shape.order
    .unwrap()
    .min(2)
    .max(5)
    .default(5)
    .describe('Words of the longest n-grams of the language model, which is counted on the target side.'),
  phraseLength: z.int().min(1).max(longestPhrase).default(longestPhrase).describe('Most words of a phrase, on either side.'),
  optionsPerPhrase: z.int().min(1).max(1_000).default(30).describe('Most translations of a phrase that are kept, by their probabilities.'),
  smoothing: z
    .enum(['kneser-ney', 'none'])
    .default('kneser-ney')
    .describe('Phrase probabilities: modified Kneser-Ney (Foster et al. 2006), or relative frequencies.'),
  reordering: z
    .enum(['distance', 'lexicalised'])
    .default('distance')
    .describe('What orders phrases: how far they jump, or also how each phrase lay to its neighbours (msd-bidirectional-fe).'),
  alignment: alignmentOptions.prefault({}).describe('How words are aligned.'),
  search: phraseSearchOptions.omit({ nbest: true }).prefault({}).describe('How translations are searched for.'),
});

const size = z.int().nonnegative();

/** With what has been counted, from which the sizes of its tables follow. */
export const countedPhraseOptions = phraseOptions.extend({
  counted: z
    .strictObject({ ngrams: z.array(size), sources: size, targets: size, options: size })
    .optional()
    .describe('n-grams of each order, distinct beginnings of source and of target phrases, and translations of phrases.'),
});

/** `counted` is undefined until it is. */
export type PhraseOptions = z.output<typeof countedPhraseOptions>;
/** How much a phrase table holds. */
export interface PhraseTableSizes {
  /** Nodes of the trees of source and of target phrases, their roots not counted. */
  readonly sources: number;
  readonly targets: number;
  readonly options: number;
}
