import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

export type LinearInputs = {
  /** [rows, inputs] */
  readonly input: Tensor;
  /** [outputs, inputs] */
  readonly weight: Tensor;
  /** [outputs] */
  readonly bias: Tensor | undefined;
};

/** output [rows, outputs] = input weightᵀ + bias */
export const linear: Operation<LinearInputs, object, { output: Tensor }, undefined> = {
  name: 'linear',
  sparse: [],
  overwrites: ['input'],
  replaces: ['input'],

  check({ input, weight, bias }) {
    const [, inputs] = expectMatrix('linear', 'input', input);
    const [outputs] = expectMatrix('linear', 'weight', weight);
    expectShape('linear', 'weight', weight, [outputs, inputs], '[outputs, inputs]');
    if (bias !== undefined) expectShape('linear', 'bias', bias, [outputs], '[outputs]');
  },

  forward(scope, { input, weight, bias }) {
    const rows = input.dimension(0);
    const [outputs, inputs] = [weight.dimension(0), weight.dimension(1)];
    const output = scope.output([rows, outputs]);
    scope.device.matrix.multiply({
      m: rows,
      n: outputs,
      k: inputs,
      a: input.offset,
      transposeA: false,
      b: weight.offset,
      transposeB: true,
      c: output.offset,
      accumulate: false,
    });
    if (bias !== undefined) scope.device.kernels.addBias(output.offset, bias.offset, rows, outputs);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: { input, weight } }, { output: dOutput }, { input: dInput, weight: dWeight, bias: dBias }, fresh) {
    if (dOutput === undefined) return;
    const rows = input.dimension(0);
    const [outputs, inputs] = [weight.dimension(0), weight.dimension(1)];
    const { kernels, matrix } = scope.device;
    if (dWeight !== undefined) {
      matrix.multiply({
        m: outputs,
        n: inputs,
        k: rows,
        a: dOutput.offset,
        transposeA: true,
        b: input.offset,
        transposeB: false,
        c: dWeight.offset,
        accumulate: true,
      });
    }
    if (dInput !== undefined) {
      matrix.multiply({
        m: rows,
        n: inputs,
        k: outputs,
        a: dOutput.offset,
        transposeA: false,
        b: weight.offset,
        transposeB: false,
        c: dInput.offset,
        accumulate: !fresh.has('input'),
        sameA: dWeight !== undefined,
      });
    }
    if (dBias !== undefined) kernels.addColumnSums(dBias.offset, dOutput.offset, rows, outputs);
  },
};
