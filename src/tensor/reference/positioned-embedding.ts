import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const positionedEmbedding: ReferenceOf<typeof operations.positionedEmbedding> = (inputs, { scale }) => {
  const { table, ids, positionTable, positions } = inputs;
  const columns = dimension(table, 1);
  const output = plain([ids.values.length, columns]);
  ids.values.forEach((id, row) => {
    for (let column = 0; column < columns; column++) {
      output.values[row * columns + column] = scale * at(table, id, column) + at(positionTable, positions.values[row] as number, column);
    }
  });
  return { output };
};
