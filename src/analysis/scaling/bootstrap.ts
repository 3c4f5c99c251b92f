import { randomKey, uniformInteger } from '../../core/random.js';
import { type FittedLaw, type LossLaw, type LossPoint, predictedLoss, refitLaw } from './law.js';
import type { Estimate } from './line.js';

/** How the coefficients of a law scatter: the same runs, trained again and again. */
export interface LawSamples {
  readonly laws: readonly LossLaw[];
  /** Residuals to draw from, widened for what the fit took from them. */
  readonly residuals: readonly number[];
}

/** Enough for the ends of a 95 % interval. */
export const usualResamples = 400;

/**
 * The law fitted again to losses that it predicts, each times the residual of a run drawn at random. A grid of runs is chosen, not drawn,
 * so that residuals are resampled and not runs; they are widened by √(n / (n - coefficients)), since a fit follows its points.
 */
export function resampleLaw(points: readonly LossPoint[], fitted: FittedLaw, resamples = usualResamples, seed = 1): LawSamples {
  const residuals = widened(fitted);
  const laws = Array.from({ length: resamples }, (_, sample) => {
    const key = randomKey(seed, 'bootstrap', sample);
    const again = points.map((point, place) => ({
      ...point,
      loss: predictedLoss(fitted.law, point) * Math.exp(residuals[uniformInteger(key, place, residuals.length)] as number),
    }));
    return refitLaw(again, fitted).law;
  });
  return { laws, residuals };
}

/** Without their mean, which is E's. */
function widened({ residuals, coefficients }: FittedLaw): number[] {
  const mean = residuals.reduce((sum, residual) => sum + residual, 0) / residuals.length;
  const free = Math.max(1, residuals.length - coefficients);
  return residuals.map((residual) => (residual - mean) * Math.sqrt(residuals.length / free));
}

/** The loss of a run that has not been trained: where the law may lie, and how far runs lie from it. */
export function predictRun(law: LossLaw, { laws, residuals }: LawSamples, at: Pick<LossPoint, 'parameters' | 'tokens'>): Estimate {
  const key = randomKey(2, 'bootstrap');
  const samples = laws.map(
    (sample, place) => predictedLoss(sample, at) * Math.exp(residuals[uniformInteger(key, place, residuals.length)] as number),
  );
  return estimateOf(predictedLoss(law, at), samples);
}

/** A value with the middle 95 % of what it is in samples. Samples in which it is not defined are left out. */
export function estimateOf(value: number, samples: readonly number[]): Estimate {
  const ordered = samples.filter(Number.isFinite).sort((a, b) => a - b);
  // The k-th from either end, so that an interval leaves 0 out exactly where a test by the same samples has p below .05.
  const beyond = Math.max(0, Math.floor(0.025 * (ordered.length + 1)) - 1);
  const mean = ordered.reduce((sum, sample) => sum + sample, 0) / ordered.length;
  const squares = ordered.reduce((sum, sample) => sum + (sample - mean) ** 2, 0);
  return {
    value,
    standardError: Math.sqrt(squares / Math.max(1, ordered.length - 1)),
    low: ordered[beyond] ?? Number.NaN,
    high: ordered.at(-1 - beyond) ?? Number.NaN,
  };
}

/** A difference, and how likely one so far from 0 would be if there were none: by the share of samples beyond 0, on both sides. */
export interface TestedDifference {
  readonly difference: Estimate;
  readonly probability: number;
}

export function testDifference(value: number, samples: readonly number[]): TestedDifference {
  const below = samples.filter((sample) => sample <= 0).length;
  const beyond = Math.min(below, samples.length - below);
  return { difference: estimateOf(value, samples), probability: Math.min(1, (2 * (beyond + 1)) / (samples.length + 1)) };
}
