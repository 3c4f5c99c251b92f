import type { ReadingProgress } from '../data/corpus.js';
import type { TextCounts } from '../data/corpus-cache.js';
import type { FilterReport } from '../data/filter.js';
import type { Executor } from './executor.js';
import type { Position } from './interval.js';

/** Scores of a model on the dev corpus by the names in `training.validate.metrics`, and the perplexity of every model that has one. */
export type ValidationFigures = Readonly<Record<string, number>> & { readonly perplexity?: number };

/** The best validation so far by the first metric. */
export interface BestValidation {
  readonly metric: string;
  readonly value: number;
  readonly step: number;
}

/** Figures over the updates since the previous report. */
export interface Report extends Position {
  /** Sentence pairs since the start of training. */
  readonly sentences: number;
  /** Mean cross entropy of a target token, in nats, with label smoothing if any. */
  readonly loss: number;
  readonly perplexity: number;
  /** Mean over updates, before clipping. */
  readonly gradientNorm: number;
  /** Of the last update. */
  readonly learningRate: number;
  /** Source and target tokens per second; printed as words/s. */
  readonly wordsPerSecond: number;
  readonly seconds: number;
}

/** Progress of a training, for progress bars, logs and tests. */
export type TrainingEvent =
  | ({ readonly kind: 'tokenizers' } & ReadingProgress)
  | ({ readonly kind: 'tokenizing'; readonly part: 'train' | 'dev' } & ReadingProgress)
  | {
      readonly kind: 'corpus';
      readonly part: 'train' | 'dev';
      readonly pairs: number;
      readonly report: FilterReport;
      readonly text: TextCounts | undefined;
    }
  | { readonly kind: 'model'; readonly parameters: number; readonly placement: Executor['placement'] }
  | { readonly kind: 'resumed'; readonly step: number }
  /** What was taken from the run of `init`, and what was not. */
  | { readonly kind: 'initialised'; readonly run: string; readonly message: string }
  /** How much of the corpus has been counted, of a model that learns so, or of a stage that follows. */
  | { readonly kind: 'counting'; readonly fraction: number; readonly stage?: string | undefined }
  | UpdateEvent
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'validating'; readonly step: number }
  | {
      readonly kind: 'validation';
      readonly step: number;
      readonly figures: ValidationFigures;
      readonly best: BestValidation;
      /** Validations in a row without a better one; 0: this is the best so far. */
      readonly stalled: number;
    }
  | { readonly kind: 'checkpoint'; readonly step: number }
  | { readonly kind: 'average'; readonly steps: readonly number[]; readonly figures: ValidationFigures | undefined; readonly kept: boolean }
  | { readonly kind: 'warning'; readonly message: string }
  /** A line of train.log. */
  | { readonly kind: 'log'; readonly line: string };

export interface UpdateEvent extends Position {
  readonly kind: 'update';
  /** Mean cross entropy of a target token of this update, in nats. */
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** Over the last few updates. */
  readonly wordsPerSecond: number;
  /** Share of the training that is done, in [0, 1]. */
  readonly fraction: number;
  /** Estimated from the time so far, without validation and checkpoints. */
  readonly remainingSeconds: number;
}

/** `time`: `saveBefore` came near. */
export type StopReason = 'epochs' | 'steps' | 'patience' | 'interrupted' | 'time';

export interface TrainingSummary extends Position {
  /** The run directory. */
  readonly out: string;
  readonly reason: StopReason;
  /** Stopped by the signal or by `saveBefore`; --resume continues. */
  readonly interrupted: boolean;
  readonly best: BestValidation | undefined;
  /** The checkpoints whose mean is the model, when it was better than each. */
  readonly averaged: readonly number[] | undefined;
  /** Learnt values. */
  readonly parameters: number;
  /** Time spent on updates, before and after interruptions. */
  readonly seconds: number;
}

/** Of a training that was stopped before it had begun. */
export function nothingDone(out: string): TrainingSummary {
  return {
    ...{ out, steps: 0, epochs: 0, reason: 'interrupted', interrupted: true, best: undefined, averaged: undefined },
    ...{ parameters: 0, seconds: 0 },
  };
}

/** Epoch as people count, from 1. */
function epochNumber({ epochs }: Position): number {
  return Math.max(1, Math.ceil(epochs - 1e-9));
}

/** The format of Marian's log, for people and scripts that know it. */
export function reportLine(report: Report): string {
  return [
    `Ep. ${epochNumber(report)}`,
    `Up. ${report.steps}`,
    `Sen. ${report.sentences.toLocaleString('en-US')}`,
    `Cost ${report.loss.toFixed(4)}`,
    `Time ${report.seconds.toFixed(1)}s`,
    `${report.wordsPerSecond.toFixed(1)} words/s`,
    `gNorm ${report.gradientNorm.toFixed(3)}`,
    `L.r. ${report.learningRate.toExponential(4)}`,
  ].join(' : ');
}

export function validationLine(position: Position, figures: ValidationFigures, best: BestValidation, stalled: number): string {
  const scores = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const standing =
    stalled === 0 ? 'best so far' : `stalled ${stalled} times (best: ${best.metric} ${best.value.toFixed(3)} at ${best.step})`;
  return [`[valid] Ep. ${epochNumber(position)}`, `Up. ${position.steps}`, ...scores, standing].join(' : ');
}
