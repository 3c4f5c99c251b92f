import { embedding } from '../tensor/operations/embedding.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Parameter, ParameterStore } from './parameters.js';
import type { Pass } from './pass.js';

/** Words that a layer may look up itself, where it knows what its weights make of them. */
export interface Words {
  /** [vocabulary, size] */
  readonly table: Tensor;
  /** Int32[rows] */
  readonly ids: Tensor;
}

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

  /** What the first layer above reads: the words themselves where nothing stands between and their products are kept, else their vectors. */
  words(pass: Pass, ids: Tensor): Tensor | Words {
    const { runner, dropout } = pass;
    return dropout === undefined && runner.scope.device.known !== undefined ? { table: this.table.value, ids } : this.forward(runner, ids);
  }
}
