import * as z from 'zod';

/** How the alignments of both directions are made one (Och and Ney 2003; Koehn et al. 2003, 2005). */
export const symmetrisations = ['intersect', 'union', 'grow-diag', 'grow-diag-final', 'grow-diag-final-and'] as const;
export type Symmetrisation = (typeof symmetrisations)[number];

/** How words are aligned. */
export const alignmentOptions = z.strictObject({
  iterations: z.int().min(1).max(100).default(5).describe('Iterations of expectation maximisation for each direction.'),
  nullProbability: z.number().gt(0).lt(1).default(0.08).describe('Probability that a word comes from no word of the other side.'),
  tension: z
    .number()
    .min(0.1)
    .max(14)
    .default(4)
    .describe('How strongly words are drawn to the diagonal, to begin with: it is estimated too.'),
  prior: z
    .number()
    .gt(0)
    .max(1)
    .default(0.01)
    .describe('Concentration of the Dirichlet prior over the translations of a word: the smaller, the fewer has each.'),
  symmetrisation: z.enum(symmetrisations).default('grow-diag-final-and').describe('How the alignments of both directions are made one.'),
});

export type AlignmentOptions = z.output<typeof alignmentOptions>;
