import type { RowRanges } from '../layout.js';
import { expectMatrix, type Operation } from '../operation.js';
import type { Tensor } from '../tensor.js';
import { attend, attendGradient, checkHeads, type HeadAttributes, type HeadCall, type HeadOutputs } from './multi-head.js';

export type SelfAttentionInputs = {
  /** [rows, (heads + 2 keyValueHeads) size]: queries, then keys, then values, as one product of stacked weights gives them. */
  readonly projected: Tensor;
  /** As of `biasReach`. */
  readonly bias?: Tensor | undefined;
};

export interface SelfAttentionAttributes extends HeadAttributes {
  /** Whose rows belong together: each sentence sees itself. */
  readonly sentences: RowRanges;
}

/** Attention of many heads of each sentence to itself: whole in an encoder, causal in a decoder or a language model. */
export const selfAttention: Operation<SelfAttentionInputs, SelfAttentionAttributes, HeadOutputs, Tensor> = {
  name: 'selfAttention',
  sparse: [],
  overwrites: ['projected'],

  check({ projected, bias }, attributes) {
    const { sentences, heads, keyValueHeads = heads } = attributes;
    const [rows, columns] = expectMatrix('selfAttention', 'projected', projected);
    if (bias !== undefined) expectMatrix('selfAttention', 'bias', bias);
    const call = { queries: sentences, memory: sentences, bias, attributes };
    checkHeads('selfAttention', columns, heads + 2 * keyValueHeads, { queries: rows, memory: rows }, call);
  },

  forward(scope, { projected, bias }, attributes) {
    const { outputs, logSums } = attend(scope, callOf(projected, bias, attributes));
    return { outputs, saved: logSums };
  },

  gradient(scope, { inputs: { projected, bias }, attributes, outputs: { output }, saved }, { output: dOutput }, gradients, fresh) {
    if (dOutput === undefined || gradients.projected === undefined) return;
    const call = callOf(projected, bias, attributes);
    const { query, keys, values } = callOf(gradients.projected, undefined, attributes);
    const isFresh = { query: fresh.has('projected'), memory: fresh.has('projected') };
    attendGradient(scope, call, { output, logSums: saved, dOutput }, { query, keys, values, bias: gradients.bias, isFresh });
  },
};

function callOf(tensor: Tensor, bias: Tensor | undefined, attributes: SelfAttentionAttributes): HeadCall {
  const { sentences, heads, keyValueHeads = heads } = attributes;
  const size = tensor.dimension(1) / (heads + 2 * keyValueHeads);
  return {
    query: { tensor, from: 0 },
    keys: { tensor, from: heads * size },
    values: { tensor, from: (heads + keyValueHeads) * size },
    queries: sentences,
    memory: sentences,
    bias,
    size,
    attributes,
  };
}
