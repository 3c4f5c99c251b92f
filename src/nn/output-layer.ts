import { linear } from '../tensor/operations/linear.js';
import { scale } from '../tensor/operations/scale.js';
import {
  type SoftmaxCrossEntropyAttributes,
  type SoftmaxCrossEntropyOutputs,
  softmaxCrossEntropy,
} from '../tensor/operations/softmax-cross-entropy.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Embedding } from './embedding.js';
import type { Parameter, ParameterSection } from './parameters.js';
import type { Pass } from './pass.js';

/** What predicts the next token: softmax(input weightᵀ + bias). */
export class OutputLayer {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #factor: number;

  /**
   * `tied`: multiplies by the table of an embedding (Press and Wolf 2017) in place of a weight of its own; `factor`: multiplies the input
   * first.
   */
  constructor(
    section: ParameterSection,
    name: string,
    inputs: number,
    vocabulary: number,
    tied?: Embedding,
    { bias = true, factor = 1 } = {},
  ) {
    this.weight = tied?.table ?? section.matrix(`${name}.weight`, vocabulary, inputs);
    this.bias = bias ? section.vector(`${name}.bias`, vocabulary) : undefined;
    this.#factor = factor;
  }

  /** [rows, inputs] → [rows, vocabulary], and the bias [vocabulary], if any, that is still to be added to every row. */
  logits(runner: Runner, input: Tensor): { readonly logits: Tensor; readonly bias: Tensor | undefined } {
    const { output } = runner.run(linear, { input: this.#scaled(runner, input), weight: this.weight.value, bias: undefined }, {});
    return { logits: output, bias: this.bias?.value };
  }

  /** What each row that `walk` gives [rows, inputs] costs if `targetIds` [rows] follow. */
  loss(
    pass: Pass,
    walk: (pass: Pass) => Tensor,
    targetIds: Int32Array | readonly number[],
    attributes: SoftmaxCrossEntropyAttributes,
  ): SoftmaxCrossEntropyOutputs {
    const { runner, twoWalks } = pass;
    const scaled = (pass: Pass) => this.#scaled(runner, walk(pass));
    const weight = this.weight.value;
    const bias = this.bias?.value ?? runner.scope.zeros([weight.dimension(0)]);
    const inputs = { input: scaled(pass), weight, bias, targets: runner.scope.integers(targetIds) };
    return twoWalks ? twoWalks(inputs, attributes, scaled) : runner.loss(softmaxCrossEntropy, inputs, attributes);
  }

  #scaled(runner: Runner, input: Tensor): Tensor {
    return this.#factor === 1 ? input : runner.run(scale, { input }, { factor: this.#factor }).output;
  }
}
