import { expectMatrix, expectShape, type Operation } from '../operation.js';
import type { Scope } from '../device.js';
import type { Tensor } from '../tensor.js';

/**
 * Who attends to what. Query q sees the memory rows
 *     memoryRows[queryStart[q] .. queryStart[q] + queryLength[q])
 * and its weights stand from weightStart[q] on in one ragged list.
 */
export interface AttentionPlan {
  readonly queries: number;
  /** Int32[queries] each. */
  readonly queryStart: Tensor;
  readonly queryLength: Tensor;
  readonly weightStart: Tensor;
  /** Int32: rows of keys and values, sentence by sentence. */
  readonly memoryRows: Tensor;
  /** Length of the ragged list of weights. */
  readonly weights: number;
  /** Greatest queryLength. */
  readonly longest: number;
}

export interface AttentionAttributes {
  readonly plan: AttentionPlan;
}

export type AttentionOutputs = {
  /** [queries, valueSize] */
  readonly context: Tensor;
  /** [plan.weights]: for each query a distribution over its memory rows. Not differentiable by itself. */
  readonly weights: Tensor;
};

export type DotAttentionInputs = {
  /** [queries, size] */
  readonly query: Tensor;
  /** [memory rows, size] */
  readonly keys: Tensor;
  /** [memory rows, valueSize] */
  readonly values: Tensor;
};

/** weights = softmax over s of (query · keys[s]); context = Σ weights[s] values[s]  (Luong et al. 2015, equations 7 and 8, dot). */
export const dotAttention: Operation<DotAttentionInputs, AttentionAttributes, AttentionOutputs, undefined> = {
  name: 'dotAttention',
  sparse: [],

  check({ query, keys, values }, { plan }) {
    checkPlan('dotAttention', query, keys, values, plan);
  },

  forward(scope, { query, keys, values }, { plan }) {
    const outputs = allocateOutputs(scope, values, plan);
    scope.device.kernels.dotAttention(
      outputs.context.offset,
      outputs.weights.offset,
      query.offset,
      keys.offset,
      values.offset,
      plan.queryStart.offset,
      plan.queryLength.offset,
      plan.memoryRows.offset,
      plan.weightStart.offset,
      plan.queries,
      keys.dimension(1),
      values.dimension(1),
    );
    return { outputs, saved: undefined };
  },

  gradient(scope, { inputs: { query, keys, values }, attributes: { plan }, outputs }, { context: dContext }, gradients) {
    if (dContext === undefined) return;
    const scratch = scope.empty([plan.longest]);
    scope.device.kernels.dotAttentionGradient(
      gradients.query?.offset ?? 0,
      gradients.keys?.offset ?? 0,
      gradients.values?.offset ?? 0,
      dContext.offset,
      outputs.weights.offset,
      query.offset,
      keys.offset,
      values.offset,
      plan.queryStart.offset,
      plan.queryLength.offset,
      plan.memoryRows.offset,
      plan.weightStart.offset,
      plan.queries,
      keys.dimension(1),
      values.dimension(1),
      scratch.offset,
    );
  },
};

export type AdditiveAttentionInputs = DotAttentionInputs & {
  /** [size] */
  readonly vector: Tensor;
};

/**
 * weights = softmax over s of (vector · tanh(query + keys[s])); context = Σ weights[s] values[s]
 * (Bahdanau et al. 2015, section 3.1 and appendix A.1.2; query and keys come projected).
 */
export const additiveAttention: Operation<AdditiveAttentionInputs, AttentionAttributes, AttentionOutputs, undefined> = {
  name: 'additiveAttention',
  sparse: [],

  check({ query, keys, values, vector }, { plan }) {
    checkPlan('additiveAttention', query, keys, values, plan);
    expectShape('additiveAttention', 'vector', vector, [keys.dimension(1)], '[size]');
  },

  forward(scope, { query, keys, values, vector }, { plan }) {
    const outputs = allocateOutputs(scope, values, plan);
    scope.device.kernels.additiveAttention(
      outputs.context.offset,
      outputs.weights.offset,
      query.offset,
      keys.offset,
      values.offset,
      vector.offset,
      plan.queryStart.offset,
      plan.queryLength.offset,
      plan.memoryRows.offset,
      plan.weightStart.offset,
      plan.queries,
      keys.dimension(1),
      values.dimension(1),
    );
    return { outputs, saved: undefined };
  },

  gradient(scope, { inputs: { query, keys, values, vector }, attributes: { plan }, outputs }, { context: dContext }, gradients) {
    if (dContext === undefined) return;
    const scratch = scope.empty([plan.longest]);
    scope.device.kernels.additiveAttentionGradient(
      gradients.query?.offset ?? 0,
      gradients.keys?.offset ?? 0,
      gradients.values?.offset ?? 0,
      gradients.vector?.offset ?? 0,
      dContext.offset,
      outputs.weights.offset,
      query.offset,
      keys.offset,
      values.offset,
      vector.offset,
      plan.queryStart.offset,
      plan.queryLength.offset,
      plan.memoryRows.offset,
      plan.weightStart.offset,
      plan.queries,
      keys.dimension(1),
      values.dimension(1),
      scratch.offset,
    );
  },
};

function checkPlan(operation: string, query: Tensor, keys: Tensor, values: Tensor, plan: AttentionPlan): void {
  const [memoryRows, size] = expectMatrix(operation, 'keys', keys);
  const [, valueSize] = expectMatrix(operation, 'values', values);
  expectShape(operation, 'query', query, [plan.queries, size], '[queries, size]');
  expectShape(operation, 'values', values, [memoryRows, valueSize], '[memory rows, value size]');
  for (const name of ['queryStart', 'queryLength', 'weightStart'] as const) {
    expectShape(operation, `plan.${name}`, plan[name], [plan.queries], '[queries]', 'i32');
  }
}

function allocateOutputs(scope: Scope, values: Tensor, plan: AttentionPlan): AttentionOutputs {
  return { context: scope.empty([plan.queries, values.dimension(1)]), weights: scope.empty([plan.weights]) };
}
