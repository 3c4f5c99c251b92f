import { DecadeError } from '../../core/errors.js';
import type { RowRanges } from '../layout.js';
import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { attend, attendGradient, checkHeads, type HeadAttributes, type HeadCall, type HeadOutputs } from './multi-head.js';

export type MemoryAttentionInputs = {
  /** [queries, heads * size] */
  readonly query: Tensor;
  /** [memory rows, 2 keyValueHeads size]: keys, then values, as one product of stacked weights gives them. */
  readonly memory: Tensor;
  /** As of `biasReach`. */
  readonly bias?: Tensor | undefined;
};

export interface MemoryAttentionAttributes extends HeadAttributes {
  /** Range i of the queries looks at range i of the memory; ranges of the memory may overlap, as those of hypotheses of one source do. */
  readonly queries: RowRanges;
  readonly rows: RowRanges;
  /**
   * Int32: the ranges in `rows` are of this list of rows of the memory. So a hypothesis' cache is a list of rows, and choosing
   * hypotheses moves indices and not keys. Without gradients only.
   */
  readonly memoryRows?: Tensor;
}

/**
 * Attention of many heads to a memory: a source (cross-attention), or with `causal` what was written before, where the newest
 * positions look at all cached ones. A query's result is the same bits as in one pass over the whole sentence.
 */
export const memoryAttention: Operation<MemoryAttentionInputs, MemoryAttentionAttributes, HeadOutputs, Tensor> = {
  name: 'memoryAttention',
  sparse: [],
  overwrites: ['query', 'memory'],

  check({ query, memory, bias }, attributes) {
    const { heads, keyValueHeads = heads, memoryRows, queries, rows } = attributes;
    const [count, columns] = expectMatrix('memoryAttention', 'query', query);
    const [memoryCount] = expectMatrix('memoryAttention', 'memory', memory);
    const memoryColumns = (2 * keyValueHeads * columns) / heads;
    expectShape('memoryAttention', 'memory', memory, [memoryCount, memoryColumns], '[memory rows, 2 key-value heads * size]');
    if (bias !== undefined) expectMatrix('memoryAttention', 'bias', bias);
    const reached = { queries: count, memory: memoryRows?.size ?? memoryCount };
    checkHeads('memoryAttention', columns, heads, reached, { queries, memory: rows, bias, attributes });
    for (const row of memoryRows?.i32 ?? []) {
      if (row < 0 || row >= memoryCount) {
        throw new DecadeError('shape', {
          where: 'memoryAttention: memoryRows',
          received: `row ${row}`,
          allowed: `rows from 0 to ${memoryCount - 1}`,
        });
      }
    }
  },

  forward(scope, inputs, attributes) {
    const { outputs, logSums } = attend(scope, callOf(inputs, attributes));
    return { outputs, saved: logSums };
  },

  gradient(scope, { inputs, attributes, outputs: { output }, saved }, { output: dOutput }, gradients, fresh) {
    if (dOutput === undefined) return;
    if (attributes.memoryRows !== undefined) throw new Error('attention over chosen rows has no gradient');
    const call = callOf(inputs, attributes);
    const dMemory = gradients.memory;
    attendGradient(
      scope,
      call,
      { output, logSums: saved, dOutput },
      {
        query: gradients.query && { tensor: gradients.query, from: 0 },
        keys: dMemory && { tensor: dMemory, from: call.keys.from },
        values: dMemory && { tensor: dMemory, from: call.values.from },
        bias: gradients.bias,
        isFresh: { query: fresh.has('query'), memory: fresh.has('memory') },
      },
    );
  },
};

function callOf({ query, memory, bias }: MemoryAttentionInputs, attributes: MemoryAttentionAttributes): HeadCall {
  const { queries, rows, memoryRows } = attributes;
  return {
    query: { tensor: query, from: 0 },
    keys: { tensor: memory, from: 0 },
    values: { tensor: memory, from: memory.dimension(1) / 2 },
    queries,
    memory: rows,
    memoryRows,
    bias,
    size: query.dimension(1) / attributes.heads,
    attributes,
  };
}
