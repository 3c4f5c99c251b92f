import * as z from 'zod';
import { batchSize, bucketing } from '../data/batches.js';
import { type MetricName, metrics } from '../metrics/evaluate.js';
import { precisions } from '../tensor/matrix.js';
import { interval } from './interval.js';
import { clipOptions, optimizerOptions } from './optimizer-options.js';
import { parallelOptions } from './parallel-options.js';
import { scheduleOptions } from './schedule.js';

export type ValidationMetric = 'perplexity' | MetricName;
const validationMetrics = ['perplexity', ...Object.keys(metrics)] as [ValidationMetric, ...ValidationMetric[]];

/** How a model is judged on the dev corpus while it learns. */
const validateOptions = z.strictObject({
  every: interval.prefault({ epochs: 1 }),
  /** The first decides which model is best and when patience ends. All but perplexity translate the dev corpus. */
  metrics: z.array(z.enum(validationMetrics)).min(1).default(['perplexity']),
  /** Stop after so many validations in a row without a better one. Default: never. */
  patience: z.int().min(1).optional(),
  /** Beam for the translations. */
  beam: z.int().min(1).max(1_000).default(1),
  /** Translate only the first so many dev sentences. Default: all. */
  sentences: z.int().min(1).optional(),
});
export type ValidateOptions = z.output<typeof validateOptions>;

const checkpointOptions = z
  .strictObject({
    every: interval.prefault({ epochs: 1 }),
    /** The last so many stay. */
    keep: z.int().min(1).default(3),
    /** At the end, try the mean of the last so many checkpoints as the model. Default: do not. */
    average: z.int().min(2).optional(),
  })
  .refine(({ keep, average }) => average === undefined || average <= keep, { path: ['average'], message: 'must not be more than keep' });

const stopOptions = z
  .strictObject({ epochs: z.number().positive().optional(), steps: z.int().min(1).optional() })
  .refine(({ epochs, steps }) => epochs !== undefined || steps !== undefined, {
    message: 'needs { epochs: NUMBER } or { steps: NUMBER }, or both: then whichever comes first',
  });

/** Everything about training but the data and the model, and the defaults. */
export const trainingOptions = z
  .strictObject({
    optimizer: optimizerOptions.prefault({ kind: 'sgd' }),
    schedule: scheduleOptions.prefault({ kind: 'constant' }),
    clip: clipOptions.prefault({ kind: 'norm' }),
    /** Of matrix products: with bf16 (bfloat16), operands are rounded to 8 bits and sums are f32, as is all else. */
    precision: z.enum(precisions).default('f32'),
    /** Size of a batch, the 2014 paper's by default. */
    batch: batchSize.prefault({ sentences: 128 }),
    /** Batches that one update takes together. */
    accumulate: z.int().min(1).max(10_000).default(1),
    bucketing,
    /** What an update's loss is divided by. Default: sentences for sgd, as in 2014, and words for adam. */
    normalise: z.enum(['sentences', 'words']).optional(),
    labelSmoothing: z.number().min(0).lt(1).default(0),
    parallel: parallelOptions.prefault({ strategy: 'data' }),
    /** Of initialisation, shuffling and dropout. */
    seed: z.int().min(0).max(0xffff_ffff).default(1),
    stop: stopOptions.prefault({ epochs: 10 }),
    /** Needs data.dev; by default the perplexity after every epoch when there is one. */
    validate: validateOptions.optional(),
    checkpoint: checkpointOptions.prefault({}),
    /** Lines of train.log and metrics.jsonl. */
    report: z.strictObject({ every: interval.prefault({ steps: 100 }) }).prefault({}),
  })
  .transform((options) => ({ ...options, normalise: options.normalise ?? (options.optimizer.kind === 'sgd' ? 'sentences' : 'words') }));
export type TrainingOptions = z.output<typeof trainingOptions>;

/** Validation of a run that has a dev corpus and says nothing about it. */
export const defaultValidation: ValidateOptions = validateOptions.parse({});
