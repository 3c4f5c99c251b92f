import type { operations } from '../operations/index.js';
import { at, dimension, plain, type ReferenceOf } from './plain.js';

export const relativeBias: ReferenceOf<typeof operations.relativeBias> = ({ table }, { reach, sight, maximumDistance }) => {
  const [buckets, heads] = [dimension(table, 0), dimension(table, 1)];
  const columns = sight === 'causal' ? reach : 2 * reach - 1;
  const bias = plain([heads, columns]);
  const ofSide = sight === 'whole' ? buckets / 2 : buckets;
  const exact = ofSide / 2;
  for (let column = 0; column < columns; column++) {
    const distance = column - reach + 1;
    const away = Math.abs(distance);
    const ratio = Math.log(away / exact) / Math.log(maximumDistance / exact);
    const bucket = away < exact ? away : Math.min(ofSide - 1, exact + Math.floor((ofSide - exact) * ratio + 1e-6));
    for (let head = 0; head < heads; head++) {
      bias.values[head * columns + column] = at(table, bucket + (distance > 0 ? ofSide : 0), head);
    }
  }
  return { bias };
};
