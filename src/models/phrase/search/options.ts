import * as z from 'zod';

/** Options of the search for translations made of phrases. */
export const phraseSearchOptions = z.strictObject({
  popLimit: z
    .int()
    .min(1)
    .default(100)
    .describe(
      'Extensions that cube pruning takes for every number of translated source words: more find better translations, in more time.',
    ),
  stackSize: z
    .int()
    .min(1)
    .default(50)
    .describe('Hypotheses that are kept and extended of those that have translated the same number of source words.'),
  distortionLimit: z
    .int()
    .min(0)
    .default(2)
    .describe('Most source words between the end of a phrase and the beginning of the next; 0 translates from left to right.'),
  optionsPerPhrase: z.int().min(1).default(20).describe('Translations of a source phrase that are tried, the most promising first.'),
  nbest: z.int().min(1).default(1).describe('Distinct translations per sentence, best first.'),
});

export type PhraseSearchOptions = z.output<typeof phraseSearchOptions>;
export type PhraseSearchOptionsInput = z.input<typeof phraseSearchOptions>;
