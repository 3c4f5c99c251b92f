import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import type { Corpus } from '../data/corpus.js';
import { contentHash } from '../data/content-hash.js';
import { precisions } from '../tensor/matrix.js';
import { type Executor, pins, type UpdateResult } from './executor.js';
import type { Report } from './events.js';
import type { Position } from './interval.js';

const count = z.int().nonnegative();

/** Sums over updates since the last report. */
const reportWindow = z.strictObject({
  updates: count,
  loss: z.number(),
  negativeLogLikelihood: z.number(),
  gradientNorm: z.number(),
  sourceTokens: count,
  targetTokens: count,
  seconds: z.number(),
});
const emptyWindow = reportWindow.parse({
  updates: 0,
  loss: 0,
  negativeLogLikelihood: 0,
  gradientNorm: 0,
  sourceTokens: 0,
  targetTokens: 0,
  seconds: 0,
});

/** The state of the loop in a checkpoint's state.json, besides the step: with the parameters, all that resuming needs. */
const savedProgress = z.strictObject({
  /** Complete passes over the corpus, and batches of the current epoch. */
  epoch: count,
  batch: count,
  /** Batches that the current epoch has; 0 before it is planned. */
  batches: count,
  sentences: count,
  seconds: z.number(),
  best: z.strictObject({ metric: z.string(), value: z.number(), step: count }).nullable(),
  stalled: count,
  /** The validation due here was interrupted or not started. */
  validationOwed: z.boolean(),
  window: reportWindow,
  metricsBytes: count,
  logBytes: count,
  placement: z.strictObject({
    strategy: z.string(),
    devices: count,
    // Of runs on one process there are none.
    ranks: z.array(count).readonly().optional(),
    communication: z.enum(precisions).optional(),
    gemm: z.string(),
    // Runs from before there was a choice have none.
    precision: z.enum(precisions).default('f32'),
    kernels: z.string(),
    pipeline: z.unknown().optional(),
  }),
  /** Pairs, and a hash of all their lengths (of text: of all that it is): another corpus would not be read on at the same place. */
  corpus: z.strictObject({ pairs: count, lengths: z.string() }),
  /** Key of the dev corpus, on which the best model was found. Runs from before it was noted have none. */
  dev: z.string().optional(),
});
export type SavedProgress = z.output<typeof savedProgress>;

/** The position of a training. */
export class TrainingProgress {
  step = 0;
  epoch = 0;
  batch = 0;
  batches = 0;
  sentences = 0;
  seconds = 0;
  best: SavedProgress['best'] = null;
  stalled = 0;
  validationOwed = false;
  window: z.output<typeof reportWindow> = emptyWindow;

  static restored(step: number, saved: SavedProgress): TrainingProgress {
    const { epoch, batch, batches, sentences, seconds, best, stalled, validationOwed, window } = saved;
    return Object.assign(new TrainingProgress(), {
      step,
      epoch,
      batch,
      batches,
      sentences,
      seconds,
      best,
      stalled,
      validationOwed,
      window,
    });
  }

  get position(): Position {
    return { steps: this.step, epochs: this.epoch + (this.batches === 0 ? 0 : this.batch / this.batches) };
  }

  /** Counts an update that took `batches` batches. */
  add(result: UpdateResult, batches: number, seconds: number): void {
    this.step++;
    this.batch += batches;
    if (this.batch === this.batches) {
      this.epoch++;
      this.batch = 0;
      this.batches = 0;
    }
    this.sentences += result.sentences;
    this.seconds += seconds;
    const { window } = this;
    this.window = {
      updates: window.updates + 1,
      loss: window.loss + result.loss,
      negativeLogLikelihood: window.negativeLogLikelihood + result.negativeLogLikelihood,
      gradientNorm: window.gradientNorm + result.gradientNorm,
      sourceTokens: window.sourceTokens + result.sourceTokens,
      targetTokens: window.targetTokens + result.targetTokens,
      seconds: window.seconds + seconds,
    };
  }

  /** The figures since the last report; resets them. */
  report(learningRate: number): Report {
    const { updates, loss, negativeLogLikelihood, gradientNorm, sourceTokens, targetTokens, seconds } = this.window;
    this.window = emptyWindow;
    return {
      ...this.position,
      sentences: this.sentences,
      loss: loss / targetTokens,
      perplexity: Math.exp(negativeLogLikelihood / targetTokens),
      gradientNorm: gradientNorm / updates,
      learningRate,
      wordsPerSecond: (sourceTokens + targetTokens) / seconds,
      seconds,
    };
  }

  saved(rest: Pick<SavedProgress, 'metricsBytes' | 'logBytes' | 'placement' | 'corpus' | 'dev'>): SavedProgress {
    const { epoch, batch, batches, sentences, seconds, best, stalled, validationOwed, window } = this;
    return { epoch, batch, batches, sentences, seconds, best, stalled, validationOwed, window, ...rest };
  }
}

/** The progress in a checkpoint. Throws `input` if it has another form. */
export function parseProgress(progress: unknown, where: string): SavedProgress {
  const parsed = savedProgress.safeParse(progress);
  if (parsed.success) return parsed.data;
  throw new DecadeError('input', {
    where,
    received: `a state without ${parsed.error.issues.map(({ path }) => path.join('.')).join(', ')}`,
    allowed: 'the state of a training run',
    next: 'start again in a new directory, with --init to keep its model',
    cause: parsed.error,
  });
}

/** Identifies a corpus when a run is resumed. */
export async function corpusFingerprint(corpus: Corpus): Promise<SavedProgress['corpus']> {
  // Most contexts of text are equally long.
  if (corpus.text !== undefined) return { pairs: corpus.pairs, lengths: corpus.key };
  const { source, target } = corpus.lengths;
  const bytes = [source, target].map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
  return { pairs: corpus.pairs, lengths: await contentHash(bytes) };
}

/** Throws `usage` when a resumed run would not compute the same: another corpus. */
export async function requireSameCorpus(saved: SavedProgress['corpus'], corpus: Corpus, where: string): Promise<void> {
  const { pairs, lengths } = await corpusFingerprint(corpus);
  const isText = corpus.text !== undefined;
  if (saved.pairs === pairs && (saved.lengths === lengths || (isText && saved.lengths === (await corpus.formerKey())))) return;
  const unit = isText ? 'contexts' : 'pairs';
  const received =
    saved.pairs === pairs ? `a training corpus with different ${isText ? 'text' : 'sentences'}` : `a training corpus of ${pairs} ${unit}`;
  throw new DecadeError('usage', {
    where,
    received,
    allowed: `the ${saved.pairs} ${unit} that the run started with`,
    next: 'restore the corpus, or start a new run with --init',
  });
}

/** What differs between two placements, in words; empty when results are bit-identical. */
export function placementDifference(saved: Executor['placement'], now: Executor['placement']): string {
  const differences = (['strategy', 'devices', 'gemm', 'precision', 'kernels'] as const)
    .filter((key) => saved[key] !== now[key])
    .map((key) => `${key} ${now[key]} where the run began with ${saved[key]}`);
  const [ranksNow, ranksBefore] = [now, saved].map(({ ranks }) =>
    ranks === undefined ? 'one process' : `${ranks.length} ranks (devices: ${ranks.join('+')})`,
  );
  if (ranksNow !== ranksBefore) differences.push(`${ranksNow} where the run began with ${ranksBefore}`);
  const [travelsNow, travelledBefore] = [now, saved].map(({ communication = 'f32' }) => communication);
  if (travelsNow !== travelledBefore) differences.push(`${travelsNow} between ranks where the run began with ${travelledBefore}`);
  const isSamePlan = JSON.stringify(saved.pipeline) === JSON.stringify(now.pipeline);
  if (differences.length === 0 && !isSamePlan) differences.push('another placement or division of batches than the run began with');
  return differences.join(', ');
}

const ordered = z.object({ order: z.string() });

/**
 * The options with which a run is placed as it began. A resumed pipeline that is given no plan takes its own again; the whole section
 * is set, since what the configuration says of another strategy or plan would be refused beside it.
 */
export function optionsOf(saved: Executor['placement'], now: Executor['placement']): string {
  if (saved.strategy === now.strategy && JSON.stringify(saved.pipeline) === JSON.stringify(now.pipeline)) {
    const { communication = 'f32' } = saved;
    return `${communication === (now.communication ?? 'f32') ? '' : `--set training.parallel.communication=${communication} `}${pins(saved)}`;
  }
  const order = ordered.safeParse(saved.pipeline).data?.order;
  // Without pipelines a configuration has no more than the strategy.
  if (now.strategy === 'data') {
    const orders = order === undefined || order === 'diagonal' ? '' : ` --set training.parallel.order=${order}`;
    return `--set training.parallel.strategy=${saved.strategy}${orders} ${pins(saved)}`;
  }
  const section = [`strategy: ${saved.strategy}`, ...(order === undefined ? [] : [`order: ${order}`])].join(', ');
  return `--set 'training.parallel={ ${section} }' ${pins(saved)}`;
}
