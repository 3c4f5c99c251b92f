import type { operations } from '../operations/index.js';
import { plain, type ReferenceOf } from './plain.js';

export const scale: ReferenceOf<typeof operations.scale> = ({ input }, { factor }) => ({
  output: plain(
    input.shape,
    input.values.map((value) => factor * value),
  ),
});
