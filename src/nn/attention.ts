import type { SequenceLayout } from '../tensor/layout.js';
import { type AttentionPlan, additiveAttention, dotAttention } from '../tensor/operations/attention.js';
import { concatenate } from '../tensor/operations/concatenate.js';
import { tanh } from '../tensor/operations/tanh.js';
import type { Scope } from '../tensor/device.js';
import type { Runner } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { Linear } from './linear.js';
import type { Parameter, ParameterSection } from './parameters.js';

export type AttentionKind = 'dot' | 'additive';

/** What a decoder looks back at: a key and a value for every row of the encoder's output. */
export interface AttentionMemory {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * Attention over the encoder's output, and the attentional vector
 *     h̃ = tanh(W [context; query])          (Luong et al. 2015, equation 5)
 */
export class Attention {
  readonly #scorer: { kind: 'dot' } | { kind: 'additive'; query: Linear; keys: Linear; vector: Parameter };
  readonly #combine: Linear;

  /** `section` is the side that looks, `memory` the one that is looked at. */
  constructor(section: ParameterSection, memory: ParameterSection, name: string, kind: AttentionKind, hidden: number) {
    this.#scorer =
      kind === 'dot'
        ? { kind }
        : {
            kind,
            query: new Linear(section, `${name}.query`, hidden, hidden, { bias: false }),
            keys: new Linear(memory, `${name}.keys`, hidden, hidden, { bias: true }),
            vector: section.vector(`${name}.vector`, hidden),
          };
    this.#combine = new Linear(section, `${name}.combine`, 2 * hidden, hidden, { bias: true });
  }

  /** Done once a source batch: [memory rows, hidden]. */
  memory(runner: Runner, encoded: Tensor): AttentionMemory {
    return { keys: this.#scorer.kind === 'dot' ? encoded : this.#scorer.keys.forward(runner, encoded), values: encoded };
  }

  /** query [queries, hidden] → attentional vectors [queries, hidden] and the attention weights, ragged as in the plan. */
  forward(runner: Runner, query: Tensor, { keys, values }: AttentionMemory, plan: AttentionPlan): { output: Tensor; weights: Tensor } {
    const { context, weights } =
      this.#scorer.kind === 'dot'
        ? runner.run(dotAttention, { query, keys, values }, { plan })
        : runner.run(
            additiveAttention,
            { query: this.#scorer.query.forward(runner, query), keys, values, vector: this.#scorer.vector.value },
            { plan },
          );
    const joined = runner.run(concatenate, { left: context, right: query }, {}).output;
    return { output: runner.run(tanh, { input: this.#combine.forward(runner, joined) }, {}).output, weights };
  }
}

/** Rows of every source column in a packed encoder output, column by column. */
export interface MemoryRows {
  readonly rows: Tensor;
  /** Where each column's list starts, and how long it is. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

export function memoryRows(scope: Scope, source: SequenceLayout): MemoryRows {
  const rows = new Int32Array(source.rows);
  const starts = new Int32Array(source.sentences);
  let next = 0;
  for (let column = 0; column < source.sentences; column++) {
    starts[column] = next;
    for (let step = 0; step < (source.lengths[column] as number); step++) rows[next++] = (source.offsets[step] as number) + column;
  }
  return { rows: scope.integers(rows), starts, lengths: source.lengths };
}

/** The plan of queries that look at these source columns, one column a query. */
export function attentionPlan(scope: Scope, memory: MemoryRows, sourceColumns: ArrayLike<number>): AttentionPlan {
  const queries = sourceColumns.length;
  const queryStart = new Int32Array(queries);
  const queryLength = new Int32Array(queries);
  const weightStart = new Int32Array(queries);
  let weights = 0;
  let longest = 0;
  for (let query = 0; query < queries; query++) {
    const column = sourceColumns[query] as number;
    const length = memory.lengths[column] as number;
    queryStart[query] = memory.starts[column] as number;
    queryLength[query] = length;
    weightStart[query] = weights;
    weights += length;
    longest = Math.max(longest, length);
  }
  return {
    queries,
    queryStart: scope.integers(queryStart),
    queryLength: scope.integers(queryLength),
    weightStart: scope.integers(weightStart),
    memoryRows: memory.rows,
    weights,
    longest,
  };
}

/** The distribution of one query over the source positions of its column. */
export function weightsOfQuery(weights: Tensor, { weightStart, queryLength }: AttentionPlan, query: number): Float32Array {
  const start = weightStart.i32[query] as number;
  return weights.f32.slice(start, start + (queryLength.i32[query] as number));
}
