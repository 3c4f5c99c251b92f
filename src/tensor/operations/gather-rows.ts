import { DecadeError } from '../../core/errors.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

export type GatherRowsInputs = {
  /** [inputRows, columns] */
  readonly input: Tensor;
  /** Int32[rows], each in [0, inputRows); may repeat */
  readonly indices: Tensor;
};

/** output [rows, columns]: row i is input[indices[i]]. Brings states from the order of sources to that of targets. */
export const gatherRows: Operation<GatherRowsInputs, object, { output: Tensor }, undefined> = {
  name: 'gatherRows',
  sparse: [],

  check({ input, indices }) {
    const [inputRows] = expectMatrix('gatherRows', 'input', input);
    expectShape('gatherRows', 'indices', indices, [indices.size], '[rows]', 'i32');
    for (const index of indices.i32) {
      if (index < 0 || index >= inputRows) {
        throw new DecadeError('shape', {
          where: 'gatherRows: indices',
          received: `row ${index}`,
          allowed: `rows from 0 to ${inputRows - 1}`,
        });
      }
    }
  },

  forward(scope, { input, indices }) {
    const columns = input.dimension(1);
    const output = scope.output([indices.size, columns]);
    scope.device.kernels.gatherRows(output.offset, input.offset, indices.offset, indices.size, columns);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: { input, indices } }, { output: dOutput }, { input: dInput }) {
    if (dOutput === undefined || dInput === undefined) return;
    scope.device.kernels.scatterAddRows(dInput.offset, dOutput.offset, indices.offset, indices.size, input.dimension(1));
  },
};
