import * as z from 'zod';
import { resolveOptions } from '../core/options.js';
import { recurrentCells } from './header.js';

const { step, most } = recurrentCells;

/** How a file is predicted. */
export const predictionOptions = z.strictObject({
  networkOnly: z.boolean().default(false).meta({
    description: 'without counting models: what the network, or the trained model, reaches by itself',
  }),
  cells: z
    .int()
    .min(0)
    .max(most)
    .multipleOf(step, `a multiple of ${step}`)
    .default(64)
    .meta({
      description: `LSTM cells of the network that learns, in steps of ${step} to ${most}; more predict large files better, and take longer`,
    }),
  adapt: z.boolean().default(true).meta({
    description: 'with a trained model: whether a network beside it learns what it lacks',
  }),
});

export type PredictionOptionsInput = z.input<typeof predictionOptions>;
export type PredictionOptions = z.output<typeof predictionOptions>;

/** @throws DecadeError `usage` for options that are not allowed */
export function resolvePrediction(options: PredictionOptionsInput): PredictionOptions {
  return resolveOptions(predictionOptions, options, 'compression options');
}
