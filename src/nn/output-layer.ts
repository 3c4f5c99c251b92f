import { MeasuredRoom } from '../tensor/memory.js';
import { add } from '../tensor/operations/add.js';
import { linear } from '../tensor/operations/linear.js';
import {
  type SoftmaxCrossEntropyAttributes,
  type SoftmaxCrossEntropyOutputs,
  softmaxCrossEntropy,
} from '../tensor/operations/softmax-cross-entropy.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Embedding } from './embedding.js';
import type { Parameter, ParameterSection } from './parameters.js';

export interface OutputOptions {
  readonly bias?: boolean;
  readonly absent?: readonly number[];
}

/**
 * What is added to the logit of an absent token: to no sum of probabilities in 32 bits does e^-100 of another token's add anything, and a
 * smoothed loss, which counts every token, stays finite.
 */
const loweredLogit = -100;

/** What predicts the next token: softmax(input weightᵀ + bias). */
export class OutputLayer {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #absent: readonly number[];

  /**
   * `tied`: multiplies by the table of an embedding (Press and Wolf 2017) in place of a weight of its own; `absent`: tokens that never
   * follow, whose rows are like those of others.
   */
  constructor(section: ParameterSection, name: string, inputs: number, vocabulary: number, tied?: Embedding, options: OutputOptions = {}) {
    const { bias = true, absent = [] } = options;
    this.weight = tied?.table ?? section.matrix(`${name}.weight`, vocabulary, inputs);
    this.bias = bias ? section.vector(`${name}.bias`, vocabulary) : undefined;
    this.#absent = absent;
  }

  /** [rows, inputs] → [rows, vocabulary], and the bias [vocabulary], if any, that is still to be added to every row. */
  logits(runner: Runner, input: Tensor): { readonly logits: Tensor; readonly bias: Tensor | undefined } {
    const { output } = runner.run(linear, { input, weight: this.weight.value, bias: undefined }, {});
    return { logits: output, bias: this.#biasFor(runner) };
  }

  /** What each row of input [rows, inputs] costs if `targetIds` [rows] follow. */
  loss(
    runner: Runner,
    input: Tensor,
    targetIds: Int32Array | readonly number[],
    attributes: SoftmaxCrossEntropyAttributes,
  ): SoftmaxCrossEntropyOutputs {
    const targets = runner.scope.integers(targetIds);
    const bias = this.#biasFor(runner) ?? runner.scope.zeros([this.weight.value.dimension(0)]);
    return runner.loss(softmaxCrossEntropy, { input, weight: this.weight.value, bias, targets }, attributes);
  }
  /** That of the parameters, and what keeps absent tokens from following. */
  #biasFor(runner: Runner): Tensor | undefined {
    const own = this.bias?.value;
    if (this.#absent.length === 0) return own;
    const lowered = runner.scope.zeros([this.weight.value.dimension(0)]);
    if (!(runner.scope.arena instanceof MeasuredRoom)) for (const id of this.#absent) lowered.f32[id] = loweredLogit;
    return own === undefined ? lowered : runner.run(add, { left: own, right: lowered }, {}).output;
  }
}
