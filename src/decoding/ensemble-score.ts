import type { TrainableModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { type TargetScore, type ScoringPair, scoreBatch } from './score-batch.js';

/** A model, and what it is computed on. */
export interface ScoredModel {
  readonly model: TrainableModel;
  readonly device: Device;
}

/**
 * The log-probability that several models together give to every pair of a batch: at each token the mean of their
 * probabilities, which is what a search with the same ensemble reports.
 */
export function scoreBatchTogether(members: readonly ScoredModel[], pairs: readonly ScoringPair[]): TargetScore[] {
  const [first = [], ...others] = members.map(({ model, device }) => scoreBatch(model, device, pairs));
  if (others.length === 0) return first;
  return first.map((score, index) => together([score, ...others.map((scores) => scores[index] as TargetScore)]));
}

function together(scores: readonly TargetScore[]): TargetScore {
  const tokenLogProbabilities = meanProbabilities(scores.map((score) => score.tokenLogProbabilities));
  return { tokenLogProbabilities, logProbability: tokenLogProbabilities.reduce((sum, value) => sum + value, 0) };
}

/** The logarithm of the mean of the probabilities that several models give to each token. */
export function meanProbabilities(models: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = models;
  return first.map((_, token) => meanProbability(models.map((logProbabilities) => logProbabilities[token] as number)));
}

/** log(mean(exp(x))), without overflow. */
function meanProbability(logProbabilities: readonly number[]): number {
  const most = Math.max(...logProbabilities);
  if (most === Number.NEGATIVE_INFINITY) return most;
  return most + Math.log(logProbabilities.reduce((sum, value) => sum + Math.exp(value - most), 0) / logProbabilities.length);
}
