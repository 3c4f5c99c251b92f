import type { Embedding } from '../../nn/embedding.js';
import { positionedEmbedding } from '../../tensor/operations/positioned-embedding.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Tokens of one side as vectors that know where they stand (Vaswani et al. 2017, sections 3.4 and 3.5). */
export class TokenEmbedding {
  readonly vectors: Embedding;
  readonly #scale: number;

  /** `scaled`: multiplied by √width. */
  constructor(vectors: Embedding, { scaled }: { readonly scaled: boolean }) {
    this.vectors = vectors;
    this.#scale = scaled ? Math.sqrt(vectors.table.shape[1] ?? 1) : 1;
  }

  /** ids and positions Int32[rows] → [rows, width]; `positionTable`: [positions, width], where one is added. */
  forward(runner: Runner, ids: Tensor, positions: Tensor, positionTable: Tensor | undefined): Tensor {
    const table = this.vectors.table.value;
    const scale = this.#scale;
    if (positionTable !== undefined) return runner.run(positionedEmbedding, { table, ids, positionTable, positions }, { scale }).output;
    if (scale === 1) return this.vectors.forward(runner, ids);
    const nothing = {
      positionTable: runner.scope.zeros([1, table.dimension(1)]),
      positions: runner.scope.integers(new Int32Array(ids.size)),
    };
    return runner.run(positionedEmbedding, { table, ids, ...nothing }, { scale }).output;
  }
}
