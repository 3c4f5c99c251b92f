import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const rotary: ReferenceOf<typeof operations.rotary> = ({ input }, { turns: { table, pairs }, positions, heads }) => {
  const [rows, columns, size] = [dimension(input, 0), dimension(input, 1), table.dimension(1)];
  const half = size / 2;
  const output = plain(input.shape, input.values);
  for (let row = 0; row < rows; row++) {
    const position = positions.i32[row] as number;
    for (let head = 0; head < heads; head++) {
      for (let pair = 0; pair < half; pair++) {
        const first = head * size + (pairs === 'adjacent' ? 2 * pair : pair);
        const second = first + (pairs === 'adjacent' ? 1 : half);
        const angle = position * 10_000 ** ((-2 * pair) / size);
        const [a, b] = [at(input, row, first), at(input, row, second)];
        output.values[row * columns + first] = a * Math.cos(angle) - b * Math.sin(angle);
        output.values[row * columns + second] = a * Math.sin(angle) + b * Math.cos(angle);
      }
    }
  }
  return { output };
};
