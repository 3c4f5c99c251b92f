import type { operations } from '../operations/index.js';
import { plain, type ReferenceOf } from './plain.js';

export const tanh: ReferenceOf<typeof operations.tanh> = ({ input }) => ({ output: plain(input.shape, input.values.map(Math.tanh)) });
