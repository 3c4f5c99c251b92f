import type { operations } from '../operations/index.js';
import { plain, type ReferenceOf } from './plain.js';

export const add: ReferenceOf<typeof operations.add> = ({ left, right }) => ({
  output: plain(
    left.shape,
    left.values.map((value, index) => value + (right.values[index] as number)),
  ),
});
