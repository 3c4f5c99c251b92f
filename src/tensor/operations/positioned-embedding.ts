import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { embedding } from './embedding.js';
import { gatherRows } from './gather-rows.js';

export type PositionedEmbeddingInputs = {
  /** [vocabulary, columns] */
  readonly table: Tensor;
  /** Int32[rows], each in [0, vocabulary) */
  readonly ids: Tensor;
  /** [known positions, columns]: learnt, or sinusoids */
  readonly positionTable: Tensor;
  /** Int32[rows]: position of each row in its sentence */
  readonly positions: Tensor;
};

export interface PositionedEmbeddingAttributes {
  /** What embeddings are multiplied by: 1, or the root of their width (Vaswani et al. 2017, section 3.4). */
  readonly scale: number;
}

/** output [rows, columns] = scale table[ids] + positionTable[positions]. The gradient of the table may be kept as touched rows. */
export const positionedEmbedding: Operation<
  PositionedEmbeddingInputs,
  PositionedEmbeddingAttributes,
  { output: Tensor },
  undefined,
  'table'
> = {
  name: 'positionedEmbedding',
  sparse: ['table'],

  check({ table, ids, positionTable, positions }) {
    embedding.check({ table, ids }, {});
    const [known] = expectMatrix('positionedEmbedding', 'positionTable', positionTable);
    expectShape('positionedEmbedding', 'positionTable', positionTable, [known, table.dimension(1)], '[positions, columns]');
    expectShape('positionedEmbedding', 'positions', positions, [ids.size], '[rows]', 'i32');
    gatherRows.check({ input: positionTable, indices: positions }, {});
  },

  forward(scope, { table, ids, positionTable, positions }, { scale }) {
    const columns = table.dimension(1);
    const output = scope.output([ids.size, columns]);
    scope.device.kernels.scaledSumOfRows(
      output.offset,
      table.offset,
      ids.offset,
      scale,
      positionTable.offset,
      positions.offset,
      ids.size,
      columns,
    );
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: { table, ids, positions }, attributes: { scale }, outputs }, { output: dOutput }, gradients) {
    if (dOutput === undefined) return;
    const { kernels } = scope.device;
    const columns = table.dimension(1);
    if (gradients.positionTable !== undefined) {
      kernels.scatterAddRows(gradients.positionTable.offset, dOutput.offset, positions.offset, positions.size, columns);
    }
    if (gradients.table === undefined) return;
    let scaled = dOutput;
    if (scale !== 1) {
      scaled = scope.zeros(dOutput.shape);
      kernels.addMultiple(scaled.offset, dOutput.offset, scale, scaled.size);
    }
    const call = { inputs: { table, ids }, attributes: {}, outputs, saved: undefined };
    embedding.gradient(scope, call, { output: scaled }, { table: gradients.table, ids: undefined }, new Set());
  },
};
