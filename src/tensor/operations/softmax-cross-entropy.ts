import { DecadeError } from '../../core/errors.js';
import type { Scope } from '../device.js';
import { expectMatrix, expectShape, type InputGradients, type Loss } from '../operation.js';
import type { Tensor } from '../tensor.js';

export type SoftmaxCrossEntropyInputs = {
  /** [rows, size] */
  readonly input: Tensor;
  /** [vocabulary, size] */
  readonly weight: Tensor;
  /** [vocabulary] */
  readonly bias: Tensor;
  /** Int32[rows]: the right token of each row */
  readonly targets: Tensor;
};

export interface SoftmaxCrossEntropyAttributes {
  /** Label smoothing e: (1 - e) of the loss is the target's, e the mean over the vocabulary (Szegedy et al. 2016, section 7). */
  readonly smoothing: number;
  /** What a row's loss counts in the gradient: 1 / sentences, or 1 / tokens. */
  readonly gradientScale: number;
}

export type SoftmaxCrossEntropyOutputs = {
  /** [rows]: smoothed loss of each row, in nats */
  readonly losses: Tensor;
  /** [rows]: log-probability of each target */
  readonly logProbabilities: Tensor;
};

/**
 * Logits exist for this many rows at a time: more costs memory and gains nothing, fewer makes the products inefficient. Of a
 * vocabulary so large that they would take more than these bytes, for fewer.
 */
const rowsAtATime = 400;
const mostBytes = 64 * 1024 ** 2;

/** losses = cross entropy of softmax(input weightᵀ + bias) with the targets; the logits of all rows never exist at once. */
export const softmaxCrossEntropy: Loss<SoftmaxCrossEntropyInputs, SoftmaxCrossEntropyAttributes, SoftmaxCrossEntropyOutputs> = {
  name: 'softmaxCrossEntropy',
  overwrites: ['input'],

  check({ input, weight, bias, targets }) {
    const [rows, size] = expectMatrix('softmaxCrossEntropy', 'input', input);
    const [vocabulary] = expectMatrix('softmaxCrossEntropy', 'weight', weight);
    expectShape('softmaxCrossEntropy', 'weight', weight, [vocabulary, size], '[vocabulary, size]');
    expectShape('softmaxCrossEntropy', 'bias', bias, [vocabulary], '[vocabulary]');
    expectShape('softmaxCrossEntropy', 'targets', targets, [rows], '[rows]', 'i32');
    for (const id of targets.i32) {
      if (id < 0 || id >= vocabulary) {
        throw new DecadeError('shape', {
          where: 'softmaxCrossEntropy: targets',
          received: `token id ${id}`,
          allowed: `ids from 0 to ${vocabulary - 1}`,
        });
      }
    }
  },

  forward(scope, inputs, { smoothing }) {
    return inChunks(scope, inputs, smoothing, 0, undefined, false);
  },

  forwardAndGradient(scope, inputs, { smoothing, gradientScale }, inputGradients, fresh) {
    return inChunks(scope, inputs, smoothing, gradientScale, inputGradients, fresh.has('input'));
  },
};

function inChunks(
  scope: Scope,
  inputs: SoftmaxCrossEntropyInputs,
  smoothing: number,
  gradientScale: number,
  gradients: InputGradients<SoftmaxCrossEntropyInputs, never> | undefined,
  overwritesInput: boolean,
): SoftmaxCrossEntropyOutputs {
  const rows = inputs.input.dimension(0);
  const outputs = { losses: scope.empty([rows]), logProbabilities: scope.empty([rows]) };
  // The logits end with the loss.
  scope.arena.during(() => computeChunks(scope, inputs, outputs, smoothing, gradientScale, gradients, overwritesInput));
  return outputs;
}

function computeChunks(
  scope: Scope,
  { input, weight, bias, targets }: SoftmaxCrossEntropyInputs,
  { losses, logProbabilities }: SoftmaxCrossEntropyOutputs,
  smoothing: number,
  gradientScale: number,
  gradients: InputGradients<SoftmaxCrossEntropyInputs, never> | undefined,
  overwritesInput: boolean,
): void {
  const { kernels, matrix } = scope.device;
  const [rows, size, vocabulary] = [input.dimension(0), input.dimension(1), weight.dimension(0)];
  // Chunks of even size: a short last one would be inefficient.
  const chunks = Math.max(1, Math.round(rows / rowsAtATime), Math.ceil((4 * rows * vocabulary) / mostBytes));
  const chunkRows = Math.ceil(rows / chunks);
  const logits = scope.empty([Math.min(rows, chunkRows), vocabulary]);
  for (let first = 0; first < rows; first += chunkRows) {
    const count = Math.min(chunkRows, rows - first);
    const inputRows = input.offset + first * size * 4;
    matrix.multiply({
      m: count,
      n: vocabulary,
      k: size,
      a: inputRows,
      transposeA: false,
      b: weight.offset,
      transposeB: true,
      c: logits.offset,
      accumulate: false,
    });
    kernels.softmaxCrossEntropy(
      logits.offset,
      bias.offset,
      targets.offset + first * 4,
      losses.offset + first * 4,
      logProbabilities.offset + first * 4,
      gradients?.bias?.offset ?? 0,
      count,
      vocabulary,
      smoothing,
      gradientScale,
    );
    if (gradients?.input !== undefined) {
      matrix.multiply({
        m: count,
        n: size,
        k: vocabulary,
        a: logits.offset,
        transposeA: false,
        b: weight.offset,
        transposeB: false,
        c: gradients.input.offset + first * size * 4,
        accumulate: !overwritesInput,
      });
    }
    if (gradients?.weight !== undefined) {
      matrix.multiply({
        m: vocabulary,
        n: size,
        k: count,
        a: logits.offset,
        transposeA: true,
        b: inputRows,
        transposeB: false,
        c: gradients.weight.offset,
        accumulate: true,
        sameA: gradients.input !== undefined,
      });
    }
  }
}
