import { linear } from '../tensor/operations/linear.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterSection } from './parameters.js';

/** output = input weightᵀ + bias */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  /** `isSummand`: the output is added to a residual stream. */
  constructor(
    section: ParameterSection,
    name: string,
    inputs: number,
    outputs: number,
    options: { readonly bias: boolean; readonly isSummand?: boolean },
  ) {
    this.weight = section.matrix(`${name}.weight`, outputs, inputs, options);
    this.bias = options.bias ? section.vector(`${name}.bias`, outputs) : undefined;
  }

  /** [rows, inputs] → [rows, outputs] */
  forward(runner: Runner, input: Tensor): Tensor {
    return runner.run(linear, { input, weight: this.weight.value, bias: this.bias?.value }, {}).output;
  }
}
