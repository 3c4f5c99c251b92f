import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const concatenate: ReferenceOf<typeof operations.concatenate> = ({ left, right }) => {
  const [rows, leftColumns] = [dimension(left, 0), dimension(left, 1)];
  const width = leftColumns + dimension(right, 1);
  const output = plain([rows, width]);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      output.values[row * width + column] = column < leftColumns ? at(left, row, column) : at(right, row, column - leftColumns);
    }
  }
  return { output };
};
