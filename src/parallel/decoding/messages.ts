import type { DecadeError } from '../../core/errors.js';
import type { Hypothesis } from '../../decoding/search-rows.js';
import type { TargetScore } from '../../decoding/score-batch.js';
import type { SearchOptions, SearchSentence } from '../../decoding/search.js';
import type { ModelOptions } from '../../models/create.js';
import type { Model, VocabularySizes } from '../../models/model.js';
import type { Memory } from '../../tensor/memory.js';
import type { CommonReply } from '../group/remote-device.js';
import type { PackedPairs } from '../messages.js';

/** A model that another thread has in a shared memory. */
export interface SharedModel {
  /** Undefined: the memory in which the device trains. */
  readonly memory: WebAssembly.Memory | undefined;
  readonly options: ModelOptions;
  readonly vocabularies: VocabularySizes;
  /** Places of its parameters by name. */
  readonly parameters: Record<string, number>;
  /** See `PlacedModel`. */
  readonly integers: boolean;
}

/** A model of this thread, whose parameters are in `memory` or, without it, in the memory in which devices train, for others to share. */
export function sharedModel(
  { vocabularies, parameters }: Model,
  options: ModelOptions,
  memory: Memory | undefined,
  integers = false,
): SharedModel {
  return { memory: memory?.webAssembly, options, vocabularies, parameters: parameters.offsets, integers };
}

/** What a device needs to search and score: sent before anything else. The parameters may not change until `end-decoding`. */
export interface BeginDecodingMessage {
  readonly kind: 'begin-decoding';
  readonly gemm: string | undefined;
  /** Several vote. */
  readonly members: readonly SharedModel[];
}

export interface SearchMessage {
  readonly kind: 'search';
  /** Sources and prefixes, the keys their lines (negative: none). */
  readonly sentences: PackedPairs;
  readonly options: SearchOptions;
  /** Of each sentence, where any has some. */
  readonly phrases?: readonly SearchSentence['phrases'][] | undefined;
}

export interface ScoreMessage {
  readonly kind: 'score';
  readonly pairs: PackedPairs;
}

/** Ends the search that is under way, which answers by `refused`. */
export interface CancelMessage {
  readonly kind: 'cancel';
}

/** Gives back what the device made of the weights, so that they may change. */
export interface EndDecodingMessage {
  readonly kind: 'end-decoding';
}

export type DecodingRequest = BeginDecodingMessage | SearchMessage | ScoreMessage | CancelMessage | EndDecodingMessage;

export type DecodingReply =
  | { readonly kind: 'decoding' }
  | { readonly kind: 'searched'; readonly hypotheses: PackedHypotheses }
  | { readonly kind: 'scored'; readonly scores: Float32Array; readonly lengths: Int32Array }
  | Extract<CommonReply, { kind: 'progress' | 'refused' }>;

export function isDecodingRequest(request: { readonly kind: string }): request is DecodingRequest {
  return ['begin-decoding', 'search', 'score', 'cancel', 'end-decoding'].includes(request.kind);
}

export function refusal({ kind, parts: { cause: _, ...parts } }: DecadeError): Extract<CommonReply, { kind: 'refused' }> {
  return { kind: 'refused', error: { kind, parts } };
}

/** The hypotheses of all sentences of a batch in a few arrays: a message of many small ones takes milliseconds to copy. */
export interface PackedHypotheses {
  /** Hypotheses of each sentence. */
  readonly counts: Int32Array;
  /** Tokens of each hypothesis: without `</s>`, and with it where it ends the text. */
  readonly lengths: Int32Array;
  readonly ids: Int32Array;
  readonly tokenLogProbabilities: Float32Array;
  /** Log-probability and score of each hypothesis. */
  readonly sums: Float64Array;
  /** Distributions one after the other, one for each log-probability, each as long as its source; undefined without. */
  readonly attention: Float32Array | undefined;
  /** Length of the distributions of each hypothesis. */
  readonly widths: Int32Array;
  /** Of each hypothesis, where the model names any. */
  readonly features: readonly Hypothesis['features'][] | undefined;
}

export function packHypotheses(sentences: readonly (readonly Hypothesis[])[]): PackedHypotheses {
  const all = sentences.flat();
  const lengths = Int32Array.from(all.flatMap(({ ids, tokenLogProbabilities }) => [ids.length, tokenLogProbabilities.length]));
  const widths = Int32Array.from(all, ({ attention }) => attention?.[0]?.length ?? 0);
  const ids = new Int32Array(all.reduce((sum, hypothesis) => sum + hypothesis.ids.length, 0));
  const tokenLogProbabilities = new Float32Array(all.reduce((sum, hypothesis) => sum + hypothesis.tokenLogProbabilities.length, 0));
  const weights = all.reduce((sum, hypothesis, index) => sum + hypothesis.tokenLogProbabilities.length * (widths[index] as number), 0);
  const attention = weights === 0 ? undefined : new Float32Array(weights);
  let [token, value, weight] = [0, 0, 0];
  for (const hypothesis of all) {
    ids.set(hypothesis.ids, token);
    tokenLogProbabilities.set(hypothesis.tokenLogProbabilities, value);
    token += hypothesis.ids.length;
    value += hypothesis.tokenLogProbabilities.length;
    for (const distribution of hypothesis.attention ?? []) {
      attention?.set(distribution, weight);
      weight += distribution.length;
    }
  }
  return {
    counts: Int32Array.from(sentences, ({ length }) => length),
    lengths,
    ids,
    tokenLogProbabilities,
    sums: Float64Array.from(all.flatMap(({ logProbability, score }) => [logProbability, score])),
    attention,
    widths,
    features: all.some(({ features }) => features !== undefined) ? all.map(({ features }) => features) : undefined,
  };
}

export function unpackHypotheses(packed: PackedHypotheses): Hypothesis[][] {
  const { counts, lengths, ids, tokenLogProbabilities, sums, attention, widths, features } = packed;
  let [index, token, value, weight] = [0, 0, 0, 0];
  const next = (): Hypothesis => {
    const [length, values, width] = [lengths[2 * index], lengths[2 * index + 1], widths[index]] as [number, number, number];
    const hypothesis = {
      ids: ids.slice(token, token + length),
      tokenLogProbabilities: tokenLogProbabilities.slice(value, value + values),
      logProbability: sums[2 * index] as number,
      score: sums[2 * index + 1] as number,
      attention:
        attention === undefined || width === 0
          ? undefined
          : Array.from({ length: values }, (_, position) => attention.slice(weight + position * width, weight + (position + 1) * width)),
      ...(features?.[index] && { features: features[index] }),
    };
    index++;
    token += length;
    value += values;
    weight += values * width;
    return hypothesis;
  };
  return Array.from(counts, (count) => Array.from({ length: count }, next));
}

export function packScores(scores: readonly TargetScore[]): { scores: Float32Array; lengths: Int32Array } {
  const lengths = Int32Array.from(scores, ({ tokenLogProbabilities }) => tokenLogProbabilities.length);
  const packed = new Float32Array(lengths.reduce((sum, length) => sum + length, 0));
  let next = 0;
  for (const { tokenLogProbabilities } of scores) {
    packed.set(tokenLogProbabilities, next);
    next += tokenLogProbabilities.length;
  }
  return { scores: packed, lengths };
}

export function unpackScores(scores: Float32Array, lengths: Int32Array): TargetScore[] {
  let next = 0;
  return Array.from(lengths, (length) => {
    const tokenLogProbabilities = scores.slice(next, next + length);
    next += length;
    return { tokenLogProbabilities, logProbability: tokenLogProbabilities.reduce((sum, value) => sum + value, 0) };
  });
}
