import * as z from 'zod';
import { batchSize, bucketing } from '../data/batches.js';
import { type MetricName, metrics } from '../metrics/evaluate.js';
import { precisions } from '../tensor/matrix.js';
import { interval } from './interval.js';
import { clipOptions, optimizerOptions, type UpdateRule } from './optimizer-options.js';
import { parallelOptions } from './parallel-options.js';
import { scheduleOptions } from './schedule.js';

export type ValidationMetric = 'perplexity' | MetricName;
const validationMetrics = ['perplexity', ...Object.keys(metrics)] as [ValidationMetric, ...ValidationMetric[]];

/** How a model is validated on the dev set. */
const validateOptions = z.strictObject({
  every: interval.prefault({ epochs: 1 }).describe('Interval between validations.'),
  metrics: z
    .array(z.enum(validationMetrics))
    .min(1)
    .default(['perplexity'])
    .describe('The first one selects the best checkpoint. All but perplexity translate the dev set.'),
  patience: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Stop after this many validations in a row without improvement. Default: never.', example: 5 }),
  beam: z.int().min(1).max(1_000).default(1).describe('Beam size for these translations.'),
  sentences: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Translate only the first sentences of the dev set. Default: all.', example: 500 }),
});
export type ValidateOptions = z.output<typeof validateOptions>;

const checkpointOptions = z
  .strictObject({
    every: interval.prefault({ epochs: 1 }).describe('Interval between checkpoints.'),
    keep: z.int().min(1).default(3).describe('Number of recent checkpoints to keep.'),
    average: z
      .int()
      .min(2)
      .optional()
      .meta({ description: 'At the end, also try the average of this many checkpoints, at most keep. Default: no.', example: 3 }),
  })
  .refine(({ keep, average }) => average === undefined || average <= keep, { path: ['average'], message: 'must be at most keep' });

const stopOptions = z
  .strictObject({
    epochs: z.number().positive().optional().meta({ description: 'Passes over the training pairs.', example: 10 }),
    steps: z.int().min(1).optional().meta({ description: 'Updates. With both, whichever comes first.', example: 100_000 }),
  })
  .refine(({ epochs, steps }) => epochs !== undefined || steps !== undefined, {
    message: 'needs { epochs: NUMBER } or { steps: NUMBER }, or both',
  });

/** Everything about training except the data and the model. */
export const trainingOptions = z
  .strictObject({
    optimizer: optimizerOptions.prefault({ kind: 'sgd' }).describe('Update rule. Default: sgd, of a Transformer adam.'),
    schedule: scheduleOptions.prefault({ kind: 'constant' }).describe('Learning rate over time.'),
    clip: clipOptions.prefault({ kind: 'norm' }).describe('Gradient clipping.'),
    precision: z
      .enum(precisions)
      .default('f32')
      .describe('Of the operands of matrix products; sums and all else are f32. bf16 needs oneDNN.'),
    batch: batchSize.prefault({ sentences: 128 }).describe('Batch size.'),
    accumulate: z.int().min(1).max(10_000).default(1).describe('Batches per update.'),
    bucketing,
    normalise: z.enum(['sentences', 'tokens']).optional().meta({
      description: 'Divide the loss by this count. Default: sentences for sgd (the paper), tokens for adam.',
      example: 'sentences',
    }),
    labelSmoothing: z.number().min(0).lt(1).default(0).describe('Label smoothing (Szegedy et al. 2016).'),
    consistency: z.number().min(0).max(1000).optional().meta({
      description:
        'Weight of the divergence between two predictions of the same tokens under different dropout, 5 in the paper of R-Drop (Liang et al. 2021). Every batch is computed twice, and the loss that is told includes it. Default: 0, which computes a batch once.',
      example: 5,
    }),
    mergeDropout: z.number().min(0).lt(1).optional().meta({
      description:
        'Probability of leaving out a merge of byte-pair encoding, so that words are split differently each time (Provilkov et al. 2020). Only for pairs. Default: 0.',
      example: 0.1,
    }),
    parallel: parallelOptions.prefault({ strategy: 'data' }).describe('Training on several devices (--devices).'),
    seed: z.int().min(0).max(0xffff_ffff).default(1).describe('Seed for initialisation, shuffling and dropout.'),
    stop: stopOptions.prefault({ epochs: 10 }).describe('End of training.'),
    validate: validateOptions.optional().describe('Validation. Needs data.dev.'),
    checkpoint: checkpointOptions.prefault({}).describe('Checkpoints.'),
    report: z
      .strictObject({ every: interval.prefault({ steps: 100 }).describe('Interval between lines of train.log and metrics.jsonl.') })
      .prefault({})
      .describe('Log.'),
  })
  .transform((options) => ({ ...options, normalise: options.normalise ?? (options.optimizer.kind === 'sgd' ? 'sentences' : 'tokens') }));
export type TrainingOptions = z.output<typeof trainingOptions>;

/** Validation of a run that has a dev set and does not configure it. */
export const defaultValidation: ValidateOptions = validateOptions.parse({});

/** Of the options, what executors are told. */
export function updateRuleOf({ optimizer, clip, normalise, labelSmoothing, consistency = 0, seed }: TrainingOptions): UpdateRule {
  return { optimizer, clip, normalise, labelSmoothing, consistency, seed };
}
