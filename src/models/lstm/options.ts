import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';

/** The LSTM encoder-decoder of Sutskever, Vinyals and Le (2014), and what later years added to it. */
export const lstmOptions = z
  .strictObject({
    kind: z.literal('lstm').describe('LSTM encoder-decoder (Sutskever, Vinyals and Le 2014, called "the paper" below).'),
    layers: z.int().min(1).max(64).default(2).describe('Layers per side. The paper: 4.'),
    hidden: z.int().min(1).max(16_384).default(512).describe('Cells per layer. The paper: 1000.'),
    embedding: z.int().min(1).max(16_384).optional().meta({ description: 'Embedding size. Default: hidden.', example: 512 }),
    reverseSource: z.boolean().default(true).describe('Read the source backwards (the paper, section 3.3).'),
    attention: z
      .enum(['none', 'dot', 'additive'])
      .default('none')
      .describe('Attention: none (the paper), dot (Luong et al. 2015) or additive (Bahdanau et al. 2015).'),
    inputFeeding: z
      .boolean()
      .default(false)
      .describe('Feed the attentional vector into the next step (Luong et al. 2015, section 3.3). Needs attention; slower to train.'),
    bidirectional: z.boolean().default(false).describe('First encoder layer reads in both directions, with hidden / 2 cells each.'),
    residual: z.boolean().default(false).describe("Add each layer's input to its output, from the second layer on."),
    tiedEmbeddings: z
      .boolean()
      .default(false)
      .describe('Share the target embeddings with the output layer. Needs embedding equal to hidden.'),
    dropout: z.number().min(0).lt(1).default(0).describe('Dropout probability between layers.'),
    initialRange: z.number().positive().max(1).optional().meta({
      description: 'Initialise uniformly in [-range, range]. The paper: 0.08. Default: 0.08 √(1000 / hidden).',
      example: 0.112,
    }),
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

const noEncoder = { attention: 'none', bidirectional: false } as const;

/** Without what looks at a source or belongs to an encoder: for a language model with the same layers as the decoder. */
export function withoutEncoder(options: LstmOptions): LstmOptions {
  return { ...options, ...noEncoder, inputFeeding: false };
}

/** Throws `usage` for options of an encoder, which a language model does not have. */
export function requireNoEncoder(options: LstmOptions): void {
  const needed = (Object.entries(noEncoder) as [keyof typeof noEncoder, string | boolean][]).find(
    ([key, without]) => options[key] !== without,
  );
  if (needed === undefined) return;
  const [key, without] = needed;
  throw new DecadeError('usage', {
    where: `model.${key}`,
    received: `${options[key]}, for a language model, which has no source to look at`,
    allowed: String(without),
    next: `set model.${key}=${without}, or train on pairs`,
  });
}

/**
 * The range with the gain of the paper's 0.08 and 1000 cells. A square matrix with uniform values multiplies the length of a
 * vector by range √(hidden / 3), which gives 0.08 √(1000 / hidden), rounded to thousandths.
 */
function equivalentRange(hidden: number): number {
  return Math.min(1, Math.max(1, Math.round(80 * Math.sqrt(1_000 / hidden))) / 1_000);
}

export type LstmOptions = z.output<typeof lstmOptions>;
