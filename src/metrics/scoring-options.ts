import * as z from 'zod';
import { requireList, requireLists, textOrNothing } from '../core/lists.js';
import { resolveOptions } from '../core/options.js';
import { bleuOptions, requireSmoothValue } from './bleu.js';
import { type Evaluation, evaluate, metricNamed } from './evaluate.js';
import type { Metric } from './metric.js';

/** How `evaluate`, `report` and `compare` score translations, and the defaults: sacreBLEU's. */
export const scoringOptions = z
  .strictObject({
    /** `bleu`, `chrf`, `chrf++`, `ter`, `exact`. */
    metrics: z.array(z.string()).min(1).readonly().default(['bleu', 'chrf']),
    /** How BLEU finds words: `none` for text that is tokenized already, `zh` for Chinese. */
    tokenize: bleuOptions.shape.tokenize,
    /** Ignore case. TER always does. */
    lowercase: z.boolean().default(false),
    /** What stands in for a precision of BLEU that is 0. */
    smooth: bleuOptions.shape.smooth,
    /** For `floor` (0.1 when left out) and `add-k` (1 when left out). */
    smoothValue: bleuOptions.shape.smoothValue,
  })
  .superRefine(requireSmoothValue);
/** As a caller writes them: `{ metrics: ['bleu'], smooth: 'floor' }`. */
export type ScoringOptions = z.input<typeof scoringOptions>;
/** The same with the defaults. */
export type ResolvedScoring = z.output<typeof scoringOptions>;

/** The options with their defaults. Throws `usage` for a key or a value that is not allowed. */
export function resolveScoring(options: ScoringOptions = {}): ResolvedScoring {
  return resolveOptions(scoringOptions, options, 'scoring options');
}

/** The metrics that the options name. Throws `usage` for options that are not allowed. */
export function scoringMetrics(options: ScoringOptions = {}): Metric[] {
  const { metrics, ...reading } = resolveScoring(options);
  return metrics.map((name) => metricNamed(name, reading));
}

export interface EvaluateOptions extends ScoringOptions {
  readonly hypotheses: readonly string[];
  /** One list for each set of references. */
  readonly references: readonly (readonly string[])[];
}

/** The score of translations by each metric that the options name. */
export function evaluateAll({ hypotheses, references, ...scoring }: EvaluateOptions): Evaluation[] {
  requireList('hypotheses', hypotheses);
  requireLists('references', references, textOrNothing);
  return scoringMetrics(scoring).map((metric) => evaluate(metric, hypotheses, references));
}
