import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const gatherRows: ReferenceOf<typeof operations.gatherRows> = ({ input, indices }) => {
  const columns = dimension(input, 1);
  const output = plain([indices.values.length, columns]);
  indices.values.forEach((index, row) => {
    for (let column = 0; column < columns; column++) output.values[row * columns + column] = at(input, index, column);
  });
  return { output };
};
