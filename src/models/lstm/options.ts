import * as z from 'zod';

/** The LSTM encoder-decoder of Sutskever, Vinyals and Le (2014), and what later years added to it. */
export const lstmOptions = z
  .strictObject({
    kind: z.literal('lstm'),
    /** Layers a side. The paper: 4. */
    layers: z.int().min(1).max(64).default(2),
    /** Cells a layer. The paper: 1000. */
    hidden: z.int().min(1).max(16_384).default(512),
    /** Size of a token's vector. The paper: 1000. Default: as `hidden`. */
    embedding: z.int().min(1).max(16_384).optional(),
    /** Feed the source backwards (section 3.3 of the paper). */
    reverseSource: z.boolean().default(true),
    /** What the decoder sees of the source besides the last state: nothing (2014), or dot (Luong) or additive (Bahdanau) attention. */
    attention: z.enum(['none', 'dot', 'additive']).default('none'),
    /** Give the attentional vector of the last step to the next one (Luong et al. 2015, section 3.3). Needs attention; trains more slowly. */
    inputFeeding: z.boolean().default(false),
    /** Read the source in both directions in the first encoder layer, half of `hidden` each. */
    bidirectional: z.boolean().default(false),
    /** Add each layer's input to its output, from the second layer on. */
    residual: z.boolean().default(false),
    /** Share the target embedding with the output layer. Needs `embedding` equal to `hidden`. */
    tiedEmbeddings: z.boolean().default(false),
    /** Probability of dropping a value between layers, in [0, 1). */
    dropout: z.number().min(0).lt(1).default(0),
    /** Parameters start uniform in [-range, range]. The paper: 0.08. Default: what that is for this `hidden`; see `equivalentRange`. */
    initialRange: z.number().positive().max(1).optional(),
  })
  .transform((options) => ({
    ...options,
    embedding: options.embedding ?? options.hidden,
    initialRange: options.initialRange ?? equivalentRange(options.hidden),
  }))
  .superRefine((options, context) => {
    const issue = (path: keyof typeof options, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (options.inputFeeding && options.attention === 'none') issue('inputFeeding', 'needs attention: dot or additive');
    if (options.bidirectional && options.hidden % 2 !== 0) issue('bidirectional', 'needs an even number of hidden cells');
    if (options.tiedEmbeddings && options.embedding !== options.hidden) issue('tiedEmbeddings', 'needs embedding equal to hidden');
  });

/**
 * The range for which a product with a square matrix scales its input as much as with the paper's 0.08 and 1000 cells: a
 * uniform matrix multiplies the length of a vector by range √(hidden / 3), so 0.08 √(1000 / hidden), in whole thousandths.
 */
function equivalentRange(hidden: number): number {
  return Math.min(1, Math.max(1, Math.round(80 * Math.sqrt(1_000 / hidden))) / 1_000);
}

export type LstmOptions = z.output<typeof lstmOptions>;
