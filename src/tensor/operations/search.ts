import type { Scope } from '../device.js';
import { expectMatrix } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** logits [rows, vocabulary] (plus bias) become log-probabilities, in place. */
export function logSoftmax(scope: Scope, logits: Tensor, bias: Tensor | undefined): Tensor {
  const [rows, vocabulary] = expectMatrix('logSoftmax', 'logits', logits);
  scope.device.kernels.logSoftmax(logits.offset, bias?.offset ?? 0, rows, vocabulary);
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

/** What ranking needs to know of logits that are not written as log-probabilities. */
export interface Normalisers {
  /** What turns a row into log-probabilities: [rows, 2]. */
  readonly rows: Tensor;
  /** What every stretch of a row reaches at most: [rows, stretches]. */
  readonly maxima: Tensor;
}

/** Columns of a stretch; see the kernel. */
const stretch = 128;

/** The bias is added to the logits. */
export function normalise(scope: Scope, logits: Tensor, bias: Tensor | undefined): Normalisers {
  const [rows, vocabulary] = expectMatrix('normalise', 'logits', logits);
  const normalisers = { rows: scope.empty([rows, 2]), maxima: scope.empty([rows, Math.ceil(vocabulary / stretch)]) };
  const { kernels } = scope.device;
  kernels.addBiasAndNormalise(logits.offset, bias?.offset ?? 0, rows, vocabulary, normalisers.rows.offset, normalisers.maxima.offset);
  return normalisers;
}

/** The rows of a search, those of a sentence together. */
export interface RowGroups {
  /** First row of each group, and the number of rows. */
  readonly starts: Int32Array;
  /** How many extensions each group wants, at least 1. */
  readonly places: Int32Array;
  /** Score of each row so far. */
  readonly scores: Float64Array;
}

/** The best extensions of each group by one token, best first, equal ones by row and then by token; those of group g from g capacity on. */
export interface Extensions {
  readonly capacity: number;
  /** How many there are in each group: as many as wanted, or all that have a finite score. */
  readonly counts: Int32Array;
  /** Score of the row plus log-probability. */
  readonly totals: Float64Array;
  readonly logProbabilities: Float32Array;
  /** The row that is extended, and by which token. */
  readonly rows: Int32Array;
  readonly ids: Int32Array;
}

/** logits [rows, vocabulary] may have been set to -Infinity since they were normalised. The result lasts until the next allocation. */
export function bestExtensions(scope: Scope, logits: Tensor, normalisers: Normalisers, { starts, places, scores }: RowGroups): Extensions {
  const [, vocabulary] = expectMatrix('bestExtensions', 'logits', logits);
  const groups = places.length;
  const capacity = places.reduce((most, count) => Math.max(most, count), 1);
  const room = groups * capacity;
  const place = { starts: scope.integers(starts), places: scope.integers(places), scores: scope.empty([2 * scores.length]) };
  const totals = scope.empty([2 * room]);
  const values = scope.empty([room]);
  const [rows, ids, counts] = [scope.empty([room], 'i32'), scope.empty([room], 'i32'), scope.empty([groups], 'i32')];
  const { buffer } = scope.device.memory.webAssembly;
  new Float64Array(buffer, place.scores.offset, scores.length).set(scores);
  scope.device.kernels.bestExtensions(
    logits.offset,
    normalisers.rows.offset,
    normalisers.maxima.offset,
    place.scores.offset,
    vocabulary,
    groups,
    place.starts.offset,
    place.places.offset,
    capacity,
    totals.offset,
    values.offset,
    rows.offset,
    ids.offset,
    counts.offset,
  );
  return {
    capacity,
    counts: counts.i32,
    totals: new Float64Array(buffer, totals.offset, room),
    logProbabilities: values.f32,
    rows: rows.i32,
    ids: ids.i32,
  };
}
