import type { Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** output = tanh(input), value by value. */
export const tanh: Operation<{ input: Tensor }, object, { output: Tensor }, undefined> = {
  name: 'tanh',
  sparse: [],

  check() {},

  forward(scope, { input }) {
    const output = scope.empty(input.shape);
    scope.device.kernels.tanh(output.offset, input.offset, output.size);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { outputs: { output } }, { output: dOutput }, { input: dInput }) {
    if (dOutput === undefined || dInput === undefined) return;
    scope.device.kernels.tanhGradient(dInput.offset, output.offset, dOutput.offset, output.size);
  },
};
