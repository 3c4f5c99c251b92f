import type { Scope } from '../device.js';
import type { Tensor } from '../tensor.js';
import type { SoftmaxCrossEntropyAttributes } from './softmax-cross-entropy.js';

/**
 * `softmaxCrossEntropy` with its vocabulary in slices, which may be on different devices. Each slice gives sums of its rows;
 * whoever has those of all slices combines them; with what comes of it each slice finishes its gradient:
 *
 *     M = max m_s        total = Σ total_s exp(m_s - M)        log Σ exp z = M + log total
 *
 * That is the log-sum-exp of the whole row, without approximation: no slice needs another's logits.
 */

/** A slice of the output layer, and its place in the vocabulary. */
export interface SoftmaxSlice {
  /** [columns, size] */
  readonly weight: Tensor;
  /** [columns] */
  readonly bias: Tensor;
  /** Id of its first token. */
  readonly from: number;
}

/** Values of `sums` a row: maximum, sum of exponentials, sum of logits, logit of the target. */
const sumFields = 4;

/** What a slice keeps of its forward pass. */
export interface SliceTerms {
  /** [rows, size] */
  readonly input: Tensor;
  /** [rows, columns]: exponentials; after `softmaxSliceGradient` the gradient of the logits. */
  readonly terms: Tensor;
  /** Int32[rows]: the right token, counted from the slice's first; -1 in another slice. */
  readonly targets: Tensor;
  /** [rows, 4], see the kernel. */
  readonly sums: Tensor;
}

/** Bytes that a row hands over to whoever combines. */
export const sliceSumBytes = 4 * sumFields;
/** Bytes that a row gets back. */
export const combinedBytes = 8;

/** `room`, when given, is where the logits are computed: [at least rows, columns]. */
export function softmaxSliceSums(
  scope: Scope,
  { weight, bias, from }: SoftmaxSlice,
  input: Tensor,
  targetIds: Int32Array,
  smoothing: number,
  room?: Tensor,
): SliceTerms {
  const { kernels, matrix } = scope.device;
  const [rows, size, columns] = [input.dimension(0), input.dimension(1), weight.dimension(0)];
  const terms = room === undefined ? scope.empty([rows, columns]) : room.rows(0, rows);
  const targets = scope.integers(targetIds.map((id) => (id >= from && id < from + columns ? id - from : -1)));
  const sums = scope.empty([rows, sumFields]);
  matrix.multiply({
    m: rows,
    n: columns,
    k: size,
    a: input.offset,
    transposeA: false,
    b: weight.offset,
    transposeB: true,
    c: terms.offset,
    accumulate: false,
  });
  kernels.softmaxSliceSums(terms.offset, bias.offset, targets.offset, sums.offset, rows, columns, smoothing === 0 ? 0 : 1);
  return { input, terms, targets, sums };
}

/** Of all rows of all slices: each row's M and total (see above) as [rows, 2], and losses, in nats, as float64. */
export function combineSlices(
  scope: Scope,
  slices: readonly Tensor[],
  vocabulary: number,
  smoothing: number,
): { combined: Tensor; losses: Float64Array; logProbabilities: Float64Array } {
  const rows = slices[0]?.dimension(0) ?? 0;
  const combined = scope.empty([rows, 2]);
  const values = combined.f32;
  const sums = slices.map((slice) => slice.f32);
  const losses = new Float64Array(rows);
  const logProbabilities = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const of = (slice: Float32Array, field: number) => slice[row * sumFields + field] as number;
    let maximum = Number.NEGATIVE_INFINITY;
    for (const slice of sums) maximum = Math.max(maximum, of(slice, 0));
    let [total, sum, target] = [0, 0, 0];
    for (const slice of sums) {
      total += of(slice, 1) * Math.exp(of(slice, 0) - maximum);
      sum += of(slice, 2);
      // 0 in every slice but the target's.
      target += of(slice, 3);
    }
    const logTotal = maximum + Math.log(total);
    logProbabilities[row] = target - logTotal;
    losses[row] = (1 - smoothing) * (logTotal - target) + (smoothing === 0 ? 0 : smoothing * (logTotal - sum / vocabulary));
    values[2 * row] = maximum;
    values[2 * row + 1] = total;
  }
  return { combined, losses, logProbabilities };
}

/** Replaces the terms by the gradient of the logits and adds to that of the bias; gives the gradient of the input: [rows, size]. */
export function softmaxSliceGradient(
  scope: Scope,
  { weight }: SoftmaxSlice,
  { terms, targets, sums }: SliceTerms,
  combined: Tensor,
  { gradientScale, smoothing }: SoftmaxCrossEntropyAttributes,
  vocabulary: number,
  dBias: Tensor,
): Tensor {
  const { kernels, matrix } = scope.device;
  const [rows, columns, size] = [terms.dimension(0), terms.dimension(1), weight.dimension(1)];
  const [own, whole] = [sums.f32, combined.f32];
  const factors = scope.empty([rows]).set(
    Float32Array.from({ length: rows }, (_, row) => {
      const ofWhole = Math.exp((own[row * sumFields] as number) - (whole[2 * row] as number)) / (whole[2 * row + 1] as number);
      return gradientScale * ofWhole;
    }),
  );
  kernels.softmaxSliceGradient(
    terms.offset,
    targets.offset,
    factors.offset,
    dBias.offset,
    rows,
    columns,
    gradientScale * (1 - smoothing),
    (gradientScale * smoothing) / vocabulary,
  );
  const dInput = scope.empty([rows, size]);
  matrix.multiply({
    m: rows,
    n: size,
    k: columns,
    a: terms.offset,
    transposeA: false,
    b: weight.offset,
    transposeB: false,
    c: dInput.offset,
    accumulate: false,
  });
  return dInput;
}

/** Adds to the gradient of the slice's weights, after `softmaxSliceGradient`. */
export function softmaxSliceWeights(scope: Scope, { input, terms }: SliceTerms, dWeight: Tensor): void {
  scope.device.matrix.multiply({
    m: terms.dimension(1),
    n: input.dimension(1),
    k: terms.dimension(0),
    a: terms.offset,
    transposeA: true,
    b: input.offset,
    transposeB: false,
    c: dWeight.offset,
    accumulate: true,
  });
}
