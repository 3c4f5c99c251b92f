import type { Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** output = factor input */
export const scale: Operation<{ input: Tensor }, { readonly factor: number }, { output: Tensor }, undefined> = {
  name: 'scale',
  sparse: [],
  forgets: () => ['input'],

  check() {},

  forward(scope, { input }, { factor }) {
    const output = scope.kept(input.shape);
    scope.device.kernels.fill(output.offset, 0, output.size);
    scope.device.kernels.addMultiple(output.offset, input.offset, factor, output.size);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { attributes: { factor } }, { output: dOutput }, { input: dInput }) {
    if (dOutput === undefined || dInput === undefined) return;
    scope.device.kernels.addMultiple(dInput.offset, dOutput.offset, factor, dOutput.size);
  },
};
