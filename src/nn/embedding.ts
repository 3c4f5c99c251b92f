import { embedding } from '../tensor/operations/embedding.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterStore } from './parameters.js';

/** A vector for each token id. */
export class Embedding {
  readonly table: Parameter;

  /** `tied`: another layer multiplies by the table, so its gradient is dense. */
  constructor(store: ParameterStore, name: string, vocabulary: number, size: number, options: { tied: boolean }) {
    this.table = store.declare(`${name}.table`, [vocabulary, size], options.tied ? 'dense' : 'rows');
  }

  /** Int32[rows] → [rows, size] */
  forward(runner: Runner, ids: Tensor): Tensor {
    return runner.run(embedding, { table: this.table.value, ids }, {}).output;
  }
}
