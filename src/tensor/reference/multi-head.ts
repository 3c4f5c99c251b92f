import { mix32 } from '../../core/random.js';
import type { RowRanges } from '../layout.js';
import type { operations } from '../operations/index.js';
import type { HeadAttributes } from '../operations/multi-head.js';
import type { Tensor } from '../tensor.js';
import { at, dimension, type Plain, plain, softmax, type ReferenceOf } from './plain.js';

export const selfAttention: ReferenceOf<typeof operations.selfAttention> = ({ projected, bias }, attributes) => {
  const { sentences, heads, keyValueHeads = heads } = attributes;
  const size = dimension(projected, 1) / (heads + 2 * keyValueHeads);
  return attend(attributes, size, dimension(projected, 0), {
    queries: sentences,
    memory: sentences,
    bias,
    query: (row, column) => at(projected, row, column),
    key: (row, column) => at(projected, row, heads * size + column),
    value: (row, column) => at(projected, row, (heads + keyValueHeads) * size + column),
  });
};

export const memoryAttention: ReferenceOf<typeof operations.memoryAttention> = ({ query, memory, bias }, attributes) => {
  const valuesFrom = dimension(memory, 1) / 2;
  return attend(attributes, dimension(query, 1) / attributes.heads, dimension(query, 0), {
    queries: attributes.queries,
    memory: attributes.rows,
    memoryRows: attributes.memoryRows,
    bias,
    query: (row, column) => at(query, row, column),
    key: (row, column) => at(memory, row, column),
    value: (row, column) => at(memory, row, valuesFrom + column),
  });
};

type Value = (row: number, column: number) => number;

interface Sides {
  readonly queries: RowRanges;
  readonly memory: RowRanges;
  readonly memoryRows?: Tensor | undefined;
  /** [heads, distances], the last of which is 0 where sight is causal, else the middle one. */
  readonly bias: Plain | undefined;
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

function attend(attributes: HeadAttributes, size: number, rows: number, sides: Sides): { output: Plain; weights?: Plain } {
  const { heads, keyValueHeads = heads, sight, dropout, scale = 1 / Math.sqrt(size) } = attributes;
  const { bias } = sides;
  const zero = bias === undefined ? 0 : sight === 'causal' ? dimension(bias, 1) - 1 : (dimension(bias, 1) - 1) / 2;
  const output = plain([rows, heads * size]);
  const weights: number[] = [];
  sides.queries.starts.forEach((first, sentence) => {
    const count = sides.queries.lengths[sentence] as number;
    const memoryFirst = sides.memory.starts[sentence] as number;
    const memoryRows = Array.from({ length: sides.memory.lengths[sentence] as number }, (_, place) =>
      sides.memoryRows === undefined ? memoryFirst + place : (sides.memoryRows.i32[memoryFirst + place] as number),
    );
    for (let head = 0; head < heads; head++) {
      const shared = Math.floor((head * keyValueHeads) / heads);
      for (let query = 0; query < count; query++) {
        const row = first + query;
        const seen = sight === 'causal' ? memoryRows.slice(0, memoryRows.length - count + query + 1) : memoryRows;
        const ownPlace = memoryRows.length - count + query;
        const scores = seen.map((memoryRow, place) => {
          let score = bias === undefined ? 0 : at(bias, head, zero + place - ownPlace);
          for (let index = 0; index < size; index++)
            score += sides.query(row, head * size + index) * sides.key(memoryRow, shared * size + index);
          return scale * score;
        });
        const probabilities = softmax(scores);
        weights.push(...probabilities, ...memoryRows.slice(seen.length).map(() => 0));
        probabilities.forEach((probability, place) => {
          const weight = probability * kept(dropout, head, row, place);
          for (let index = 0; index < size; index++) {
            const column = head * size + index;
            output.values[row * heads * size + column] =
              at(output, row, column) + weight * sides.value(seen[place] as number, shared * size + index);
          }
        });
      }
    }
  });
  return attributes.weights === true ? { output, weights: plain([weights.length], weights) } : { output };
}

/** What a weight is multiplied by: 0, or 1 / (1 - rate). */
function kept(dropout: HeadAttributes['dropout'], head: number, row: number, place: number): number {
  if (dropout === undefined) return 1;
  const headKey = mix32(dropout.key + Math.imul(head, 0x9e3779b9));
  const rowHash = mix32(headKey ^ (dropout.rowKeys.i32[row] as number));
  return mix32(rowHash + Math.imul(place, 0x9e3779b9)) >= dropout.rate * 2 ** 32 ? 1 / (1 - dropout.rate) : 0;
}
