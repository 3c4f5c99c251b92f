import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const normalisation: ReferenceOf<typeof operations.normalisation> = ({ input, residual, gain, bias }, { kind, epsilon }) => {
  const [rows, columns] = [dimension(input, 0), dimension(input, 1)];
  const sum = plain(
    input.shape,
    input.values.map((value, index) => value + (residual?.values[index] ?? 0)),
  );
  const output = plain(input.shape);
  const mean = (values: readonly number[]) => values.reduce((total, value) => total + value, 0) / columns;
  for (let row = 0; row < rows; row++) {
    const values = Array.from({ length: columns }, (_, column) => at(sum, row, column));
    const centre = kind === 'layer' ? mean(values) : 0;
    const deviation = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)) + epsilon);
    values.forEach((value, column) => {
      const scaled = ((value - centre) / deviation) * (gain === undefined ? 1 : at(gain, 0, column));
      output.values[row * columns + column] = scaled + (bias === undefined ? 0 : at(bias, 0, column));
    });
  }
  return residual === undefined ? { output } : { output, sum };
};
