import * as z from 'zod';

export const bagOfWordsOptions = z.strictObject({
  kind: z.literal('bag-of-words'),
  /** Size of a word's vector. */
  width: z.int().min(1).default(16),
});

export type BagOfWordsOptions = z.output<typeof bagOfWordsOptions>;
