import { DecadeError } from '../../core/errors.js';
import type { Scope } from '../device.js';
import { expectMatrix, expectShape, type InputGradients, type Loss } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { inLogitChunks, type Predictor } from './logit-chunks.js';

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

/** losses = cross entropy of softmax(input weightᵀ + bias) with the targets; the logits of all rows never exist at once. */
export const softmaxCrossEntropy: Loss<SoftmaxCrossEntropyInputs, SoftmaxCrossEntropyAttributes, SoftmaxCrossEntropyOutputs> = {
  name: 'softmaxCrossEntropy',
  overwrites: ['input'],

  check(inputs) {
    expectPrediction('softmaxCrossEntropy', inputs);
  },

  forward(scope, inputs, { smoothing }) {
    return inChunks(scope, inputs, { smoothing, gradientScale: 0 });
  },

  forwardAndGradient(scope, inputs, attributes, inputGradients, fresh) {
    return inChunks(scope, inputs, attributes, inputGradients, fresh.has('input'));
  },
};

/** Throws a `shape` error unless the targets can be predicted from the input. */
export function expectPrediction(operation: string, { input, weight, bias, targets }: SoftmaxCrossEntropyInputs): void {
  const [rows, size] = expectMatrix(operation, 'input', input);
  const [vocabulary] = expectMatrix(operation, 'weight', weight);
  expectShape(operation, 'weight', weight, [vocabulary, size], '[vocabulary, size]');
  expectShape(operation, 'bias', bias, [vocabulary], '[vocabulary]');
  expectShape(operation, 'targets', targets, [rows], '[rows]', 'i32');
  for (const id of targets.i32) {
    if (id < 0 || id >= vocabulary) {
      throw new DecadeError('shape', {
        where: `${operation}: targets`,
        received: `token id ${id}`,
        allowed: `ids from 0 to ${vocabulary - 1}`,
      });
    }
  }
}

function inChunks(
  scope: Scope,
  { input, weight, bias, targets }: SoftmaxCrossEntropyInputs,
  { smoothing, gradientScale }: SoftmaxCrossEntropyAttributes,
  gradients?: InputGradients<SoftmaxCrossEntropyInputs, never>,
  isFresh = false,
): SoftmaxCrossEntropyOutputs {
  const [rows, vocabulary] = [input.dimension(0), weight.dimension(0)];
  const [losses, logProbabilities] = [scope.empty([rows]), scope.empty([rows])];
  const predictor: Predictor = {
    inputs: [{ value: input, gradient: gradients?.input, isFresh }],
    weight: { value: weight, gradient: gradients?.weight },
  };
  inLogitChunks(scope, predictor, ([logits = 0], first, count) => {
    scope.device.kernels.softmaxCrossEntropy(
      logits,
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
  });
  return { losses, logProbabilities };
}
