import type { Scope } from '../device.js';
import { expectShape, type InputGradients, type Loss } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { inLogitChunks, type Predictor } from './logit-chunks.js';
import {
  expectPrediction,
  type SoftmaxCrossEntropyAttributes,
  type SoftmaxCrossEntropyInputs,
  type SoftmaxCrossEntropyOutputs,
} from './softmax-cross-entropy.js';

export type ConsistentCrossEntropyInputs = SoftmaxCrossEntropyInputs & {
  /** [rows, size]: the input again, under other dropout */
  readonly twin: Tensor;
};

export interface ConsistentCrossEntropyAttributes extends SoftmaxCrossEntropyAttributes {
  /** Weight a of how far the two predictions are from each other. */
  readonly consistency: number;
}

/**
 * R-Drop (Liang et al. 2021, equation 4, halved, so that a row counts as much as without): of the two predictions p and q of a row,
 *
 *     loss = (CE(p) + CE(q)) / 2 + a (KL(p || q) + KL(q || p)) / 4
 *
 * with the smoothed cross entropies of `softmaxCrossEntropy`; a row's log-probability is the mean of both.
 */
export const consistentCrossEntropy: Loss<ConsistentCrossEntropyInputs, ConsistentCrossEntropyAttributes, SoftmaxCrossEntropyOutputs> = {
  name: 'consistentCrossEntropy',
  overwrites: ['input', 'twin'],

  check({ twin, ...inputs }) {
    expectPrediction('consistentCrossEntropy', inputs);
    expectShape('consistentCrossEntropy', 'twin', twin, inputs.input.shape, '[rows, size]');
  },

  forward(scope, inputs, attributes) {
    return inChunks(scope, inputs, { ...attributes, gradientScale: 0 });
  },

  forwardAndGradient(scope, inputs, attributes, inputGradients, fresh) {
    return inChunks(scope, inputs, attributes, inputGradients, fresh);
  },
};

function inChunks(
  scope: Scope,
  { input, twin, weight, bias, targets }: ConsistentCrossEntropyInputs,
  { smoothing, consistency, gradientScale }: ConsistentCrossEntropyAttributes,
  gradients?: InputGradients<ConsistentCrossEntropyInputs, never>,
  fresh: ReadonlySet<keyof ConsistentCrossEntropyInputs> = new Set(),
): SoftmaxCrossEntropyOutputs {
  const [rows, vocabulary] = [input.dimension(0), weight.dimension(0)];
  const [losses, logProbabilities] = [scope.empty([rows]), scope.empty([rows])];
  const predictor: Predictor = {
    inputs: [
      { value: input, gradient: gradients?.input, isFresh: fresh.has('input') },
      { value: twin, gradient: gradients?.twin, isFresh: fresh.has('twin') },
    ],
    weight: { value: weight, gradient: gradients?.weight },
  };
  inLogitChunks(scope, predictor, ([logits = 0, twinLogits = 0], first, count) => {
    scope.device.kernels.consistentCrossEntropy(
      logits,
      twinLogits,
      bias.offset,
      targets.offset + first * 4,
      losses.offset + first * 4,
      logProbabilities.offset + first * 4,
      gradients?.bias?.offset ?? 0,
      count,
      vocabulary,
      smoothing,
      consistency,
      gradientScale,
    );
  });
  return { losses, logProbabilities };
}
