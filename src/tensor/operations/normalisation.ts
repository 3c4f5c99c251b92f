import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

export type NormalisationInputs = {
  /** [rows, columns] */
  readonly input: Tensor;
  /** [rows, columns]: added to the input first */
  readonly residual?: Tensor | undefined;
  /** [columns] each */
  readonly gain?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
};

export interface NormalisationAttributes {
  /** `layer`: by mean and deviation of a row (Ba et al. 2016); `rms`: by the root of its mean square (Zhang & Sennrich 2019). */
  readonly kind: 'layer' | 'rms';
  /** Added to the mean of the squares, so that a row of equal values has a deviation. */
  readonly epsilon: number;
}

export type NormalisationOutputs = {
  /** [rows, columns] */
  readonly output: Tensor;
  /** [rows, columns]: input + residual, where there is one: what the next residual connection adds to. */
  readonly sum?: Tensor;
};

/**
 * output = (s - mean) / deviation * gain + bias, s = input + residual. Only mean and 1 / deviation of a row are kept, [rows, 2]; the
 * normalised values are computed again for the gradient.
 */
export const normalisation: Operation<NormalisationInputs, NormalisationAttributes, NormalisationOutputs, Tensor> = {
  name: 'normalisation',
  sparse: [],
  overwrites: ['input', 'residual'],
  // The sum is kept.
  forgets: ({ residual }) => (residual === undefined ? [] : ['input', 'residual']),

  check({ input, residual, gain, bias }) {
    const [, columns] = expectMatrix('normalisation', 'input', input);
    if (residual !== undefined) expectShape('normalisation', 'residual', residual, input.shape, 'the shape of input');
    if (gain !== undefined) expectShape('normalisation', 'gain', gain, [columns], '[columns]');
    if (bias !== undefined) expectShape('normalisation', 'bias', bias, [columns], '[columns]');
  },

  forward(scope, { input, residual, gain, bias }, { kind, epsilon }) {
    const [rows, columns] = [input.dimension(0), input.dimension(1)];
    const output = scope.output(input.shape);
    const sum = residual === undefined ? undefined : scope.kept(input.shape);
    const statistics = scope.kept([rows, 2]);
    scope.device.kernels.normalise(
      output.offset,
      sum?.offset ?? 0,
      input.offset,
      residual?.offset ?? 0,
      gain?.offset ?? 0,
      bias?.offset ?? 0,
      statistics.offset,
      rows,
      columns,
      epsilon,
      Number(kind === 'layer'),
      0,
    );
    return { outputs: sum === undefined ? { output } : { output, sum }, saved: statistics };
  },

  again(scope, { inputs: { input, gain, bias }, attributes: { kind, epsilon }, outputs: { output, sum }, saved }) {
    scope.device.kernels.normalise(
      output.offset,
      0,
      (sum ?? input).offset,
      0,
      gain?.offset ?? 0,
      bias?.offset ?? 0,
      saved.offset,
      input.dimension(0),
      input.dimension(1),
      epsilon,
      Number(kind === 'layer'),
      1,
    );
  },

  gradient(scope, { inputs: { input, gain }, attributes: { kind }, outputs: { sum }, saved }, outputGradients, gradients, fresh) {
    const { output: dOutput, sum: dSum } = outputGradients;
    if (dOutput === undefined && dSum === undefined) return;
    scope.device.kernels.normaliseGradient(
      gradients.input?.offset ?? 0,
      gradients.residual?.offset ?? 0,
      gradients.gain?.offset ?? 0,
      gradients.bias?.offset ?? 0,
      dOutput?.offset ?? 0,
      dSum?.offset ?? 0,
      (sum ?? input).offset,
      gain?.offset ?? 0,
      saved.offset,
      input.dimension(0),
      input.dimension(1),
      Number(kind === 'layer'),
      Number(!fresh.has('input')),
      Number(!fresh.has('residual')),
    );
  },
};
