import type { IdPair } from '../data/batch.js';
import type { ModelOptions } from '../models/create.js';
import type { VocabularySizes } from '../models/model.js';
import type { Precision } from '../tensor/matrix.js';
import type { EvaluationResult, UpdateResult } from '../training/executor.js';
import type { UpdateRule } from '../training/optimizer-options.js';
import type { RanksMeeting } from './group/ranks-meeting.js';
import type { MeasurementReply, ProfileMessage, ReplayMessage } from './device-measurement.js';

/** What a device needs to take part in training: sent once, before anything else. */
export interface StartMessage {
  readonly kind: 'start';
  readonly memory: WebAssembly.Memory;
  readonly gemm: string | undefined;
  readonly precision: Precision | undefined;
  readonly model: ModelOptions;
  readonly vocabularies: VocabularySizes;
  readonly rule: UpdateRule;
  /** Places of parameters and optimizer values by name. */
  readonly parameters: Record<string, number>;
  readonly optimizer: Record<string, number>;
  /** Through which the group meets; see `Meeting`. */
  readonly meeting: SharedArrayBuffer;
  readonly device: number;
  readonly devices: number;
  /** Where there are devices of other processes, too. */
  readonly ranks?: RanksMeeting | undefined;
  /** Measure what devices do: record matrix products for `replay`, or time every kernel. */
  readonly instrument?: 'record' | 'profile' | undefined;
}

/** Where every device keeps its gradients: sent once all have started. */
export interface PeersMessage {
  readonly kind: 'peers';
  readonly gradients: readonly Record<string, number>[];
}

export interface UpdateMessage {
  readonly kind: 'update';
  /** This device's shard of each micro-batch. */
  readonly shards: readonly PackedPairs[];
  readonly update: number;
  readonly learningRate: number;
  readonly gradientScale: number;
}

export interface EvaluateMessage {
  readonly kind: 'evaluate';
  readonly pairs: PackedPairs;
}

export type DeviceRequest = StartMessage | PeersMessage | UpdateMessage | EvaluateMessage | ReplayMessage | ProfileMessage;

export type DeviceReply =
  | {
      readonly kind: 'started';
      readonly gradients: Record<string, number>;
      readonly gemm: string;
      readonly precision: Precision;
      readonly kernels: string;
    }
  | { readonly kind: 'ready' }
  | { readonly kind: 'updated'; readonly result: UpdateResult }
  | { readonly kind: 'evaluated'; readonly result: EvaluationResult; readonly logProbabilities: Float64Array }
  | MeasurementReply
  | { readonly kind: 'failed'; readonly message: string };

/** Sentence pairs in three arrays: a message of many small ones takes milliseconds to copy. */
export interface PackedPairs {
  /** Source ids of a pair, then its target ids, pair after pair. */
  readonly ids: Int32Array;
  /** Source length, target length, pair after pair. */
  readonly lengths: Int32Array;
  readonly keys: Float64Array;
  /** Of each pair the id read before its target, -1 where that is the model's own, and 1 where `</s>` follows it, else 0. */
  readonly before: Int32Array;
  readonly ends: Uint8Array;
}

export function packPairs(pairs: readonly IdPair[]): PackedPairs {
  const lengths = Int32Array.from(pairs.flatMap(({ source, target }) => [source.length, target.length]));
  const ids = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let next = 0;
  for (const { source, target } of pairs) {
    ids.set(source, next);
    ids.set(target, next + source.length);
    next += source.length + target.length;
  }
  return {
    ids,
    lengths,
    keys: Float64Array.from(pairs, ({ key }) => key),
    before: Int32Array.from(pairs, ({ before = -1 }) => before),
    ends: Uint8Array.from(pairs, ({ ends = true }) => (ends ? 1 : 0)),
  };
}

export function unpackPairs({ ids, lengths, keys, before, ends }: PackedPairs): IdPair[] {
  let next = 0;
  const take = (length: number) => {
    next += length;
    return ids.subarray(next - length, next);
  };
  return Array.from(keys, (key, pair) => {
    const source = take(lengths[2 * pair] as number);
    const target = take(lengths[2 * pair + 1] as number);
    const id = before[pair] as number;
    return { key, source, target, ...(id >= 0 && { before: id }), ends: ends[pair] === 1 };
  });
}
