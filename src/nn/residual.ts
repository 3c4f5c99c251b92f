import type { NormalisationAttributes } from '../tensor/operations/normalisation.js';
import { add } from '../tensor/operations/add.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { NormalisationLayer } from './normalisation.js';
import type { ParameterSection } from './parameters.js';
import { dropped, type Pass } from './pass.js';

export interface ResidualOptions extends NormalisationAttributes {
  /** Normalise what a part reads (Xiong et al. 2020), or the sum of what it read and gave (Vaswani et al. 2017). */
  readonly place: 'pre' | 'post';
  readonly bias: boolean;
}

/** What the parts of a network read from and add to: [rows, width]. */
export interface Stream {
  readonly sum: Tensor;
  /** What the last part gave. The next normalisation adds it to the sum in its own pass over the rows. */
  readonly summand?: Tensor | undefined;
}

/** A residual connection around a part (He et al. 2015), with its normalisation: x + part(norm(x)), or norm(x + part(x)). */
export class Residual {
  readonly #name: string;
  readonly #place: 'pre' | 'post';
  readonly #norm: NormalisationLayer;

  constructor(section: ParameterSection, name: string, width: number, options: ResidualOptions) {
    this.#name = name;
    this.#place = options.place;
    this.#norm = new NormalisationLayer(section, `${name}.norm`, width, options);
  }

  /** The pass's dropout falls on what the part gives; `keys` as of `rowKeys`. */
  around(pass: Pass, stream: Stream, keys: Tensor | undefined, part: (input: Tensor) => Tensor): Stream {
    const { runner } = pass;
    const summandOf = (input: Tensor) => dropped({ ...pass, runner: runner.brief }, `${this.#name}.residual`, part(input), keys);
    if (this.#place === 'pre') {
      const { sum, output } = normalised(runner.brief, this.#norm, stream);
      return { sum, summand: summandOf(output) };
    }
    const input = sumOf(runner, stream);
    return { sum: this.#norm.ofSum(runner, input, summandOf(input)).output };
  }
}

/** The sum of a stream, and the sum normalised. */
export function normalised(runner: Runner, norm: NormalisationLayer, { sum, summand }: Stream): { sum: Tensor; output: Tensor } {
  return summand === undefined ? { sum, output: norm.forward(runner, sum) } : norm.ofSum(runner, sum, summand);
}

/** All that the parts have added up to. */
export function sumOf(runner: Runner, { sum, summand }: Stream): Tensor {
  return summand === undefined ? sum : runner.run(add, { left: sum, right: summand }, {}).output;
}
