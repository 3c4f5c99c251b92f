import type { AttentionAttributes } from '../operations/attention.js';
import type { operations } from '../operations/index.js';
import { at, dimension, type Plain, plain, softmax, type ReferenceOf } from './plain.js';

export const dotAttention: ReferenceOf<typeof operations.dotAttention> = ({ query, keys, values }, attributes) =>
  attend(values, attributes, (q, s) => sumOver(dimension(keys, 1), (index) => at(query, q, index) * at(keys, s, index)));

export const additiveAttention: ReferenceOf<typeof operations.additiveAttention> = ({ query, keys, values, vector }, attributes) =>
  attend(values, attributes, (q, s) =>
    sumOver(dimension(keys, 1), (index) => at(vector, 0, index) * Math.tanh(at(query, q, index) + at(keys, s, index))),
  );

function attend(
  values: Plain,
  { plan }: AttentionAttributes,
  score: (query: number, memoryRow: number) => number,
): { context: Plain; weights: Plain } {
  const size = dimension(values, 1);
  const context = plain([plan.queries, size]);
  const weights = plain([plan.weights]);
  for (let query = 0; query < plan.queries; query++) {
    const start = plan.queryStart.i32[query] as number;
    const rows = Array.from(plan.memoryRows.i32.subarray(start, start + (plan.queryLength.i32[query] as number)));
    softmax(rows.map((row) => score(query, row))).forEach((weight, place) => {
      weights.values[(plan.weightStart.i32[query] as number) + place] = weight;
      for (let column = 0; column < size; column++) {
        context.values[query * size + column] = at(context, query, column) + weight * at(values, rows[place] as number, column);
      }
    });
  }
  return { context, weights };
}

function sumOver(count: number, term: (index: number) => number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += term(index);
  return sum;
}
