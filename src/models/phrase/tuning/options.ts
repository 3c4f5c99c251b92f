import * as z from 'zod';

/** Options of the tuning of weights. */
export const tuningOptions = z.strictObject({
  iterations: z.int().min(1).default(10).describe('Most times that the dev set is translated, each time with the weights found before.'),
  epochs: z.int().min(1).default(60).describe('Passes over the lists of all iterations so far, after each translation.'),
  aggressiveness: z.number().positive().default(0.01).describe('Most that a sentence changes the weights, per unit of difference.'),
  decay: z
    .number()
    .min(0)
    .max(1)
    .default(0.999)
    .describe('What remains, from sentence to sentence, of the corpus that a sentence is scored as a part of.'),
  leastChange: z.number().min(0).default(0.005).describe('Tuning ends when the weights change by less than this part of their length.'),
  seed: z.int().min(0).default(1).describe('Of the order of the sentences.'),
});

export type TuningOptions = z.output<typeof tuningOptions>;
export type TuningOptionsInput = z.input<typeof tuningOptions>;
