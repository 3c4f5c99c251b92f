import * as z from 'zod';

/** How gradients change parameters. */
export const optimizerOptions = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Plain stochastic gradient descent, as in the 2014 paper. */
    kind: z.literal('sgd'),
    learningRate: z.number().positive().default(0.7),
  }),
  z.strictObject({
    /** Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019). */
    kind: z.literal('adam'),
    learningRate: z.number().positive().default(0.001),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    epsilon: z.number().positive().default(1e-8),
    weightDecay: z.number().min(0).default(0),
    /** Update only the embedding rows that a step touched: faster for large vocabularies, not quite Adam. */
    lazy: z.boolean().default(false),
  }),
]);
export type OptimizerOptions = z.output<typeof optimizerOptions>;

/** What is done to a gradient before it is used. */
export const clipOptions = z.discriminatedUnion('kind', [
  /** Scaled to `max` when its norm is greater (the 2014 paper: 5). */
  z.strictObject({ kind: z.literal('norm'), max: z.number().positive().default(5) }),
  z.strictObject({ kind: z.literal('none') }),
]);
export type ClipOptions = z.output<typeof clipOptions>;

/** What of the training options an executor needs. */
export interface UpdateRule {
  readonly optimizer: OptimizerOptions;
  readonly clip: ClipOptions;
  /** What the loss of an update is divided by (the 2014 paper: sentences). */
  readonly normalise: 'sentences' | 'words';
  readonly labelSmoothing: number;
  /** Keys dropout. */
  readonly seed: number;
}
