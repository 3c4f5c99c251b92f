import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';
import type { LinearInputs } from './linear.js';

/**
 * `gelu`: x Φ(x) (Hendrycks & Gimpel 2016); `gelu-tanh`: its approximation there, as in GPT-2; `swish`: x σ(x) (Ramachandran et al. 2017);
 * `swiglu`: swish(a) b of the two halves (a, b) of what the product gives (Shazeer 2020); `geglu-tanh`: the same with gelu-tanh, as in T5 1.1.
 */
export const activations = ['relu', 'gelu', 'gelu-tanh', 'swish', 'swiglu', 'geglu-tanh'] as const;
export type Activation = (typeof activations)[number];

/** What the first half of the product goes through before it multiplies the second; undefined where there is one half only. */
export function gateOf(activation: Activation): 'swish' | 'gelu-tanh' | undefined {
  return activation === 'swiglu' ? 'swish' : activation === 'geglu-tanh' ? 'gelu-tanh' : undefined;
}

/** The kernels' number of an activation. */
function kindOf(activation: Activation): number {
  return activations.indexOf(gateOf(activation) ?? activation);
}

export interface ActivatedLinearAttributes {
  readonly activation: Activation;
}

/**
 * output = activation(input weightᵀ + bias). What is kept for the gradient are the values before the activation (of `relu` its
 * result, which says the same).
 */
export const activatedLinear: Operation<LinearInputs, ActivatedLinearAttributes, { output: Tensor }, Tensor> = {
  name: 'activatedLinear',
  sparse: [],
  overwrites: ['input'],
  replaces: ['input'],

  check({ input, weight, bias }, { activation }) {
    const [, inputs] = expectMatrix('activatedLinear', 'input', input);
    const [outputs] = expectMatrix('activatedLinear', 'weight', weight);
    const isGated = gateOf(activation) !== undefined;
    const even = isGated ? 2 * Math.ceil(outputs / 2) : outputs;
    expectShape('activatedLinear', 'weight', weight, [even, inputs], isGated ? '[2 outputs, inputs]' : '[outputs, inputs]');
    if (bias !== undefined) expectShape('activatedLinear', 'bias', bias, [outputs], '[outputs]');
  },

  forward(scope, { input, weight, bias }, { activation }) {
    const { kernels, matrix } = scope.device;
    const [rows, outputs, inputs] = [input.dimension(0), weight.dimension(0), weight.dimension(1)];
    const before = scope.kept([rows, outputs]);
    matrix.multiply({
      m: rows,
      n: outputs,
      k: inputs,
      a: input.offset,
      transposeA: false,
      b: weight.offset,
      transposeB: true,
      c: before.offset,
      accumulate: false,
    });
    if (gateOf(activation) !== undefined) {
      if (bias !== undefined) kernels.addBias(before.offset, bias.offset, rows, outputs);
      const output = scope.output([rows, outputs / 2]);
      kernels.gate(output.offset, before.offset, rows, outputs / 2, kindOf(activation));
      return { outputs: { output }, saved: before };
    }
    const output = activation === 'relu' ? before : scope.output([rows, outputs]);
    kernels.activate(output.offset, before.offset, bias?.offset ?? 0, rows, outputs, kindOf(activation));
    return { outputs: { output }, saved: before };
  },

  again(scope, { attributes: { activation }, outputs: { output }, saved }) {
    const { kernels } = scope.device;
    const [rows, outputs] = [output.dimension(0), output.dimension(1)];
    const kind = kindOf(activation);
    if (gateOf(activation) !== undefined) kernels.gate(output.offset, saved.offset, rows, outputs, kind);
    else kernels.activate(output.offset, saved.offset, 0, rows, outputs, kind);
  },

  gradient(scope, { inputs: { input, weight }, attributes: { activation }, saved }, { output: dOutput }, gradients, fresh) {
    if (dOutput === undefined) return;
    const { kernels, matrix } = scope.device;
    const [rows, outputs, inputs] = [input.dimension(0), weight.dimension(0), weight.dimension(1)];
    // The gradient of what was saved takes the room of the output's, where that is as large.
    const isGated = gateOf(activation) !== undefined;
    const dBefore = isGated ? saved : dOutput;
    const kind = kindOf(activation);
    if (isGated) {
      kernels.gateGradient(dBefore.offset, dOutput.offset, rows, outputs / 2, kind);
      if (gradients.bias !== undefined) kernels.addColumnSums(gradients.bias.offset, dBefore.offset, rows, outputs);
    } else {
      kernels.activateGradient(dBefore.offset, saved.offset, dOutput.offset, gradients.bias?.offset ?? 0, rows, outputs, kind);
    }
    if (gradients.weight !== undefined) {
      matrix.multiply({
        m: outputs,
        n: inputs,
        k: rows,
        a: dBefore.offset,
        transposeA: true,
        b: input.offset,
        transposeB: false,
        c: gradients.weight.offset,
        accumulate: true,
      });
    }
    if (gradients.input !== undefined) {
      matrix.multiply({
        m: rows,
        n: inputs,
        k: outputs,
        a: dBefore.offset,
        transposeA: false,
        b: weight.offset,
        transposeB: false,
        c: gradients.input.offset,
        accumulate: !fresh.has('input'),
        sameA: gradients.weight !== undefined,
      });
    }
  },
};
