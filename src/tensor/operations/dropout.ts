import { DecadeError } from '../../core/errors.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

export type DropoutInputs = {
  /** [rows, columns] */
  readonly input: Tensor;
  /** Int32[rows]: who the row is (sentence and position), so that its mask does not depend on the batch around it. */
  readonly rowKeys: Tensor;
};

export interface DropoutAttributes {
  /** Probability that a value is set to 0, in [0, 1). */
  readonly rate: number;
  /** 32-bit key of this use: seed, step and layer. */
  readonly key: number;
}

/** output = input with values set to 0 at random, the others divided by (1 - rate) (Srivastava et al. 2014, section 10, inverted). */
export const dropout: Operation<DropoutInputs, DropoutAttributes, { output: Tensor }, undefined> = {
  name: 'dropout',
  sparse: [],
  overwrites: ['input'],
  forgets: () => ['input'],

  check({ input, rowKeys }, { rate }) {
    const [rows] = expectMatrix('dropout', 'input', input);
    expectShape('dropout', 'rowKeys', rowKeys, [rows], '[rows]', 'i32');
    if (!(rate >= 0 && rate < 1))
      throw new DecadeError('shape', { where: 'dropout: rate', received: String(rate), allowed: 'a number in [0, 1)' });
  },

  forward(scope, { input, rowKeys }, { rate, key }) {
    const output = scope.output(input.shape);
    scope.device.kernels.dropout(output.offset, input.offset, rowKeys.offset, input.dimension(0), input.dimension(1), rate, key);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: { input, rowKeys }, attributes: { rate, key } }, { output: dOutput }, { input: dInput }, fresh) {
    if (dOutput === undefined || dInput === undefined) return;
    // The mask is a function of its keys, so the backward pass draws it again instead of keeping it.
    const { kernels } = scope.device;
    const masked = fresh.has('input') ? dInput : scope.empty(input.shape);
    kernels.dropout(masked.offset, dOutput.offset, rowKeys.offset, input.dimension(0), input.dimension(1), rate, key);
    if (masked !== dInput) kernels.add(dInput.offset, masked.offset, masked.size);
  },
};
