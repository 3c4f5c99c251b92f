import { expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** output = left + right, of one shape: a residual connection. */
export const add: Operation<{ left: Tensor; right: Tensor }, object, { output: Tensor }, undefined> = {
  name: 'add',
  sparse: [],
  forgets: () => ['left', 'right'],

  check({ left, right }) {
    expectShape('add', 'right', right, left.shape, 'the shape of left');
  },

  forward(scope, { left, right }) {
    const output = scope.output(left.shape);
    scope.device.kernels.sum(output.offset, left.offset, right.offset, output.size);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, _call, { output: dOutput }, { left: dLeft, right: dRight }) {
    if (dOutput === undefined) return;
    for (const dInput of [dLeft, dRight]) {
      if (dInput !== undefined) scope.device.kernels.add(dInput.offset, dOutput.offset, dOutput.size);
    }
  },
};
