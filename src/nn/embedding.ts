import { embedding } from '../tensor/operations/embedding.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterSection } from './parameters.js';
import type { Pass } from './pass.js';

/** Tokens as rows of an embedding table, for a layer that looks up the products of these rows with its weights. */
export interface EmbeddedTokens {
  /** [vocabulary, size] */
  readonly table: Tensor;
  /** Int32[rows] */
  readonly ids: Tensor;
}

/** A vector for each token id. */
export class Embedding {
  readonly table: Parameter;

  /** `tied`: the output layer multiplies by the table, so its gradient is dense, and a token costs a product with it. */
  constructor(section: ParameterSection, name: string, vocabulary: number, size: number, { tied }: { tied: boolean }) {
    this.table = section.declare(`${name}.table`, [vocabulary, size], tied ? { cost: vocabulary * size } : { gradient: 'rows' });
  }

  /** Int32[rows] → [rows, size] */
  forward(runner: Runner, ids: Tensor): Tensor {
    return runner.run(embedding, { table: this.table.value, ids }, {}).output;
  }

  /** What the first layer reads: the tokens by reference if the device keeps their products and nothing is dropped, otherwise their vectors. */
  embed(pass: Pass, ids: Tensor): Tensor | EmbeddedTokens {
    const { runner, dropout } = pass;
    return dropout === undefined && runner.scope.device.known !== undefined ? { table: this.table.value, ids } : this.forward(runner, ids);
  }
}
