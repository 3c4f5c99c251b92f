import { DecadeError } from '../../core/errors.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { TouchedRows } from '../touched-rows.js';

export type EmbeddingInputs = {
  /** [vocabulary, columns] */
  readonly table: Tensor;
  /** Int32[rows], each in [0, vocabulary) */
  readonly ids: Tensor;
};

/** output [rows, columns]: row i is table[ids[i]]. The gradient of the table may be kept as touched rows. */
export const embedding: Operation<EmbeddingInputs, object, { output: Tensor }, undefined, 'table'> = {
  name: 'embedding',
  sparse: ['table'],

  check({ table, ids }) {
    const [vocabulary] = expectMatrix('embedding', 'table', table);
    expectShape('embedding', 'ids', ids, [ids.size], '[rows]', 'i32');
    for (const id of ids.i32) {
      if (id < 0 || id >= vocabulary) {
        throw new DecadeError('shape', {
          where: 'embedding: ids',
          received: `token id ${id}`,
          allowed: `ids from 0 to ${vocabulary - 1}`,
          next: 'check that the model and the tokenizer belong together',
        });
      }
    }
  },

  forward(scope, { table, ids }) {
    const columns = table.dimension(1);
    const output = scope.output([ids.size, columns]);
    scope.device.kernels.gatherRows(output.offset, table.offset, ids.offset, ids.size, columns);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: { table, ids } }, { output: dOutput }, { table: dTable }) {
    if (dOutput === undefined || dTable === undefined) return;
    const { kernels } = scope.device;
    const columns = table.dimension(1);
    if (dTable instanceof TouchedRows) {
      const room = dTable.reserve(ids.size);
      dTable.count = kernels.addToTouchedRows(
        room.table,
        room.touched,
        dTable.count,
        dTable.slots.offset,
        ids.offset,
        dOutput.offset,
        ids.size,
        columns,
      );
    } else {
      kernels.scatterAddRows(dTable.offset, dOutput.offset, ids.offset, ids.size, columns);
    }
  },
};
