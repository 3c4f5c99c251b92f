import type { operations } from '../operations/index.js';
import { dimension, timesTransposed, type ReferenceOf } from './plain.js';

export const linear: ReferenceOf<typeof operations.linear> = ({ input, weight, bias }) => {
  const output = timesTransposed(input, weight);
  const columns = dimension(output, 1);
  if (bias !== undefined)
    output.values.forEach((value, index) => {
      output.values[index] = value + (bias.values[index % columns] as number);
    });
  return { output };
};
