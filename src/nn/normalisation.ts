import { normalisation, type NormalisationAttributes } from '../tensor/operations/normalisation.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterSection } from './parameters.js';

/** Normalised rows with a gain, which starts at 1, and a bias from 0; neither is decayed. */
export class NormalisationLayer {
  readonly gain: Parameter;
  readonly bias: Parameter | undefined;
  readonly #attributes: NormalisationAttributes;

  constructor(section: ParameterSection, name: string, width: number, options: NormalisationAttributes & { bias: boolean }) {
    const constant = (value: number) => ({ initial: { kind: 'constant', value }, decay: false }) as const;
    this.gain = section.declare(`${name}.gain`, [width], constant(1));
    this.bias = options.bias ? section.declare(`${name}.bias`, [width], constant(0)) : undefined;
    this.#attributes = { kind: options.kind, epsilon: options.epsilon };
  }

  /** [rows, width] → [rows, width] */
  forward(runner: Runner, input: Tensor): Tensor {
    return runner.run(normalisation, { input, gain: this.gain.value, bias: this.bias?.value }, this.#attributes).output;
  }

  /** The sum of a residual connection and the sum normalised, in one pass. */
  ofSum(runner: Runner, residual: Tensor, input: Tensor): { sum: Tensor; output: Tensor } {
    const inputs = { input, residual, gain: this.gain.value, bias: this.bias?.value };
    const { output, sum } = runner.run(normalisation, inputs, this.#attributes);
    if (sum === undefined) throw new Error('a normalisation with a residual gives no sum');
    return { sum, output };
  }
}
