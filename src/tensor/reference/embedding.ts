import type { operations } from '../operations/index.js';
import { gatherRows } from './gather-rows.js';
import type { ReferenceOf } from './plain.js';

export const embedding: ReferenceOf<typeof operations.embedding> = ({ table, ids }) => gatherRows({ input: table, indices: ids }, {});
