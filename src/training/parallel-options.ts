import * as z from 'zod';

const device = z.int().min(0).max(255);

/** What lies on which device of a pipeline. */
const placementOptions = z.strictObject({
  /** Device of each layer, from 0; a layer's encoder and decoder are together. */
  layers: z.array(device).min(1),
  /** Each device's part of the target vocabulary, in any unit: [0, 0, 1, 1] divides it over the last two of four. */
  vocabulary: z.array(z.number().min(0)).min(1),
});

/** How several devices train together. */
export const parallelOptions = z.discriminatedUnion('strategy', [
  /** Every device has the whole model and a part of each batch. */
  z.strictObject({ strategy: z.literal('data') }),
  /** Layers, and slices of the target vocabulary, on different devices (Sutskever et al. 2014, section 3.5). */
  z.strictObject({
    strategy: z.literal('pipeline'),
    /** What a device does first: layers on a diagonal through time (2014), or micro-batches as in GPipe (2019) or 1F1B (2019). */
    order: z.enum(['diagonal', 'gpipe', '1f1b']).default('diagonal'),
    /** Time steps handed on together. Default: diagonal, what is fastest by measured costs; the others, all. */
    stretch: z.int().min(1).optional(),
    /** Parts that a batch is divided into. Default: diagonal, 1; the others, what is fastest by measured costs. */
    microBatches: z.int().min(1).max(1_024).optional(),
    /** Default: what is fastest by measured costs. */
    placement: placementOptions.optional(),
  }),
]);
export type ParallelOptions = z.output<typeof parallelOptions>;
export type PipelineOptions = Extract<ParallelOptions, { strategy: 'pipeline' }>;
