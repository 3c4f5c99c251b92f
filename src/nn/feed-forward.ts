import { type Activation, activatedLinear, gateOf } from '../tensor/operations/activated-linear.js';
import { Linear } from './linear.js';
import type { ParameterSection } from './parameters.js';
import { dropped, type Pass } from './pass.js';
import type { Tensor } from '../tensor/tensor.js';

export interface FeedForwardOptions {
  readonly width: number;
  /** Width between the two products. */
  readonly inner: number;
  readonly activation: Activation;
  readonly bias: boolean;
}

/** output = activation(input upᵀ + b) downᵀ + c, each row by itself (Vaswani et al. 2017, section 3.3). */
export class FeedForward {
  readonly #name: string;
  readonly #activation: Activation;
  readonly #up: Linear;
  readonly #down: Linear;

  constructor(section: ParameterSection, name: string, { width, inner, activation, bias }: FeedForwardOptions) {
    this.#name = name;
    this.#activation = activation;
    // The gate and what it lets through are two halves of one product.
    this.#up = new Linear(section, `${name}.up`, width, gateOf(activation) === undefined ? inner : 2 * inner, { bias });
    this.#down = new Linear(section, `${name}.down`, inner, width, { bias, isSummand: true });
  }

  /** [rows, width] → [rows, width], briefly. The pass's dropout falls on what is between the products; `keys` as of `rowKeys`. */
  forward(pass: Pass, input: Tensor, keys: Tensor | undefined): Tensor {
    const parameters = { weight: this.#up.weight.value, bias: this.#up.bias?.value };
    const { runner } = pass;
    const { output } = runner.brief.run(activatedLinear, { input, ...parameters }, { activation: this.#activation });
    return this.#down.forward(runner.brief, dropped(pass, `${this.#name}.inner`, output, keys));
  }
}
