import type { Scope } from '../device.js';
import { expectMatrix } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** logits [rows, vocabulary] become log-probabilities, in place. */
export function logSoftmax(scope: Scope, logits: Tensor): Tensor {
  const [rows, vocabulary] = expectMatrix('logSoftmax', 'logits', logits);
  scope.device.kernels.logSoftmax(logits.offset, 0, rows, vocabulary);
  return logits;
}

/** The log of the mean of the probabilities of several models, each [rows, vocabulary] of log-probabilities. */
export function averageLogProbabilities(scope: Scope, models: readonly Tensor[]): Tensor {
  const [first, ...others] = models;
  if (first === undefined) throw new RangeError('averageLogProbabilities needs at least one model');
  if (others.length === 0) return first;
  const { kernels } = scope.device;
  const mean = scope.empty(first.shape);
  const probabilities = scope.empty(first.shape);
  kernels.exp(mean.offset, first.offset, mean.size);
  for (const other of others) {
    kernels.exp(probabilities.offset, other.offset, mean.size);
    kernels.add(mean.offset, probabilities.offset, mean.size);
  }
  kernels.logScaled(mean.offset, mean.offset, 1 / models.length, mean.size);
  return mean;
}

/** The k best columns of each row, best first, equal values in column order: values [rows, k] and Int32 indices [rows, k]. */
export function topK(scope: Scope, scores: Tensor, k: number): { values: Tensor; indices: Tensor } {
  const [rows, columns] = expectMatrix('topK', 'scores', scores);
  const kept = Math.min(k, columns);
  const values = scope.empty([rows, kept]);
  const indices = scope.empty([rows, kept], 'i32');
  scope.device.kernels.topK(scores.offset, rows, columns, kept, values.offset, indices.offset);
  return { values, indices };
}
