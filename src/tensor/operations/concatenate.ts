import type { Scope } from '../device.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** output [rows, leftColumns + rightColumns]: the columns of left, then those of right. */
export const concatenate: Operation<{ left: Tensor; right: Tensor }, object, { output: Tensor }, undefined> = {
  name: 'concatenate',
  sparse: [],

  check({ left, right }) {
    const [rows] = expectMatrix('concatenate', 'left', left);
    const [, columns] = expectMatrix('concatenate', 'right', right);
    expectShape('concatenate', 'right', right, [rows, columns], '[rows, columns]');
  },

  forward(scope, { left, right }) {
    const [rows, leftColumns, rightColumns] = [left.dimension(0), left.dimension(1), right.dimension(1)];
    const width = leftColumns + rightColumns;
    const output = scope.empty([rows, width]);
    scope.device.kernels.copyColumnsIn(output.offset, left.offset, rows, leftColumns, width, 0);
    scope.device.kernels.copyColumnsIn(output.offset, right.offset, rows, rightColumns, width, leftColumns);
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: { left, right } }, { output: dOutput }, { left: dLeft, right: dRight }) {
    if (dOutput === undefined) return;
    const [rows, leftColumns, rightColumns] = [left.dimension(0), left.dimension(1), right.dimension(1)];
    const width = leftColumns + rightColumns;
    const { kernels } = scope.device;
    if (dLeft !== undefined) kernels.addColumnsOut(dLeft.offset, dOutput.offset, rows, leftColumns, width, 0);
    if (dRight !== undefined) kernels.addColumnsOut(dRight.offset, dOutput.offset, rows, rightColumns, width, leftColumns);
  },
};

/** A copy of columns [from, end) of a matrix, without gradients. */
export function columnsOf(scope: Scope, input: Tensor, from: number, end: number): Tensor {
  const [rows, width] = [input.dimension(0), input.dimension(1)];
  const columns = scope.zeros([rows, end - from]);
  scope.device.kernels.addColumnsOut(columns.offset, input.offset, rows, end - from, width, from);
  return columns;
}
