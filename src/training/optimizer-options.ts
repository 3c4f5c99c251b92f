import * as z from 'zod';

/** How gradients change parameters. */
export const optimizerOptions = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd').describe('Plain stochastic gradient descent, as in the paper.'),
    learningRate: z.number().positive().default(0.7).describe('Learning rate. The paper: 0.7.'),
  }),
  z.strictObject({
    kind: z.literal('adam').describe('Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).'),
    learningRate: z.number().positive().default(0.001).describe('Learning rate.'),
    beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the running mean of gradients.'),
    beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the running mean of squared gradients.'),
    epsilon: z.number().positive().default(1e-8).describe('Added to the denominator.'),
    weightDecay: z.number().min(0).default(0).describe('Weight decay.'),
    lazy: z
      .boolean()
      .default(false)
      .describe('Update only the embedding rows that occur in a batch: faster for large vocabularies, not exactly Adam.'),
  }),
]);
export type OptimizerOptions = z.output<typeof optimizerOptions>;

/** Gradient clipping. */
export const clipOptions = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('norm').describe('Rescale the gradient if its norm exceeds max.'),
    max: z.number().positive().default(5).describe('The paper: 5.'),
  }),
  z.strictObject({ kind: z.literal('none').describe('No clipping.') }),
]);
export type ClipOptions = z.output<typeof clipOptions>;

/** The training options that an executor needs. */
export interface UpdateRule {
  readonly optimizer: OptimizerOptions;
  readonly clip: ClipOptions;
  /** The loss of an update is divided by their number (the 2014 paper: sentences). */
  readonly normalise: 'sentences' | 'tokens';
  readonly labelSmoothing: number;
  /** Weight of the divergence between two predictions under different dropout; 0: there is one prediction. */
  readonly consistency: number;
  /** Seed of dropout. */
  readonly seed: number;
}
