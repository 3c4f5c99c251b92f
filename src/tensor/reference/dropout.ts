import { mix32 } from '../../core/random.js';
import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const dropout: ReferenceOf<typeof operations.dropout> = ({ input, rowKeys }, { rate, key }) => {
  const [rows, columns] = [dimension(input, 0), dimension(input, 1)];
  const output = plain(input.shape);
  for (let row = 0; row < rows; row++) {
    const rowHash = mix32(key ^ (rowKeys.values[row] as number));
    for (let column = 0; column < columns; column++) {
      const kept = mix32(rowHash + Math.imul(column, 0x9e3779b9)) >= rate * 2 ** 32;
      output.values[row * columns + column] = kept ? at(input, row, column) / (1 - rate) : 0;
    }
  }
  return { output };
};
