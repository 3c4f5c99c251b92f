import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';

/** Matrices of equal width by any names; their order is the order of the properties. */
export type StackRowsInputs = { readonly [part: string]: Tensor };

/** output [all rows, columns]: the parts, one below the other. Puts a sequence together that was made step by step. */
export const stackRows: Operation<StackRowsInputs, object, { output: Tensor }, undefined> = {
  name: 'stackRows',
  sparse: [],

  check(parts) {
    let columns: number | undefined;
    for (const [name, part] of Object.entries(parts)) {
      const [rows, width] = expectMatrix('stackRows', name, part);
      columns ??= width;
      expectShape('stackRows', name, part, [rows, columns], '[rows, columns]');
    }
  },

  forward(scope, parts) {
    const all = Object.values(parts);
    const rows = all.reduce((sum, part) => sum + part.dimension(0), 0);
    const output = scope.output([rows, all[0]?.dimension(1) ?? 0]);
    let offset = output.offset;
    for (const part of all) {
      scope.device.kernels.copy(offset, part.offset, part.bytes);
      offset += part.bytes;
    }
    return { outputs: { output }, saved: undefined };
  },

  gradient(scope, { inputs: parts }, { output: dOutput }, gradients) {
    if (dOutput === undefined) return;
    let offset = dOutput.offset;
    for (const [name, part] of Object.entries(parts)) {
      const gradient = gradients[name];
      if (gradient !== undefined) scope.device.kernels.add(gradient.offset, offset, part.size);
      offset += part.bytes;
    }
  },
};
