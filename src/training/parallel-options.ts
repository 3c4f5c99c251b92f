import * as z from 'zod';
import { precisions } from '../tensor/matrix.js';

const device = z.int().min(0).max(255);

/** Which device of a pipeline holds what. */
const placementOptions = z.strictObject({
  layers: z
    .array(device)
    .min(1)
    .meta({ description: 'Device of each layer (encoder and decoder), from 0.', example: [0, 1] }),
  vocabulary: z
    .array(z.number().min(0))
    .min(1)
    .meta({ description: "Each device's share of the softmax, in any unit.", example: [1, 1] }),
});

/** How several devices train together. */
export const parallelOptions = z.discriminatedUnion('strategy', [
  z.strictObject({
    strategy: z.literal('data').describe('Each device has the whole model and a part of each batch.'),
    communication: z.enum(precisions).optional().meta({
      description:
        'Of gradients, and of what changes parameters, while they travel between the ranks of an MPI launcher; sums are f32. Default: f32.',
      example: 'bf16',
    }),
  }),
  z.strictObject({
    strategy: z
      .literal('pipeline')
      .describe(
        'Layers, and slices of the softmax, on different devices (the paper, section 3.5). Defaults marked * are found by simulation.',
      ),
    order: z
      .enum(['diagonal', 'gpipe', '1f1b'])
      .default('diagonal')
      .describe('Diagonal through time (the paper), or micro-batches as in GPipe (Huang et al. 2019) or 1F1B (Narayanan et al. 2019).'),
    stretch: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Time steps sent together. Default: * for diagonal, otherwise all.', example: 4 }),
    microBatches: z
      .int()
      .min(1)
      .max(1_024)
      .optional()
      .meta({ description: 'Micro-batches per batch. Default: 1 for diagonal, otherwise *.', example: 4 }),
    placement: placementOptions.optional().describe('Default: *.'),
  }),
]);
export type ParallelOptions = z.output<typeof parallelOptions>;
export type PipelineOptions = Extract<ParallelOptions, { strategy: 'pipeline' }>;
