import type { operations } from '../operations/index.js';
import { dimension, type Plain, plain, type ReferenceOf } from './plain.js';

export const stackRows: ReferenceOf<typeof operations.stackRows> = (parts) => {
  const all: Plain[] = Object.values(parts);
  const rows = all.reduce((sum, part) => sum + dimension(part, 0), 0);
  const columns = all[0] === undefined ? 0 : dimension(all[0], 1);
  return {
    output: plain(
      [rows, columns],
      all.flatMap((part) => Array.from(part.values)),
    ),
  };
};
