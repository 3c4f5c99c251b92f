import * as z from 'zod';

/** The longest n-grams that can be counted. */
export const highestOrder = 8;

export const ngramOptions = z.strictObject({
  kind: z
    .literal('ngram')
    .describe(
      'n-grams, interpolated by modified Kneser-Ney smoothing (Chen and Goodman 1998). Only for text. Counted in one reading: training has no updates, and most of its options no effect.',
    ),
  order: z
    .int()
    .min(1)
    .max(highestOrder)
    .default(5)
    .describe('Tokens of the longest n-grams: a token is predicted from the order - 1 tokens before it.'),
});

/** With what has been counted, from which the sizes of its tables follow. */
export const countedNgramOptions = ngramOptions
  .extend({ ngrams: z.array(z.int().nonnegative()).optional() })
  .refine(({ order, ngrams }) => ngrams === undefined || ngrams.length === order, {
    path: ['ngrams'],
    message: 'must have a count for each order',
  });

/** `ngrams`: how many there are of each order, all tokens of the vocabulary first. Undefined until they are counted. */
export type NgramOptions = z.output<typeof countedNgramOptions>;
