import type { IdPair } from '../../data/batch.js';
import type { Pass } from '../../nn/pass.js';
import { type Device, Scope } from '../../tensor/device.js';
import { Arena } from '../../tensor/memory.js';
import { Inference } from '../../tensor/tape.js';
import type { SpecialIds } from '../../text/tokenizer.js';
import type { AttendedToken, AttentionWeights } from '../model.js';
import { sourceIds } from './batch.js';
import type { AttentionPart, AttentionWatcher } from './layers.js';

interface AttendedPair {
  readonly source: ArrayLike<number>;
  readonly target: ArrayLike<number>;
  /** What every source ends with. */
  readonly sourceEnd: number | undefined;
  /** Those of the target. */
  readonly special: SpecialIds;
  /** Otherwise the decoder reads the source, if there is one, and goes on with the target. */
  readonly hasEncoder: boolean;
}

/** What a Transformer looks at, from one pass over the pair, as in training. */
export function transformerAttention(
  device: Device,
  { source, target, sourceEnd, special, hasEncoder }: AttendedPair,
  read: (pass: Pass, pairs: readonly IdPair[], watcher: AttentionWatcher) => void,
): AttentionWeights[] {
  const seen: Record<AttentionPart, Float32Array[]> = { encoder: [], memory: [], decoder: [] };
  const arena = new Arena(device.memory);
  try {
    read({ runner: new Inference(new Scope(device, arena)) }, [{ key: 0, source, target }], (part, layer, weights) => {
      seen[part][layer] = weights.f32.slice();
    });
  } finally {
    arena.dispose();
  }
  const of = (side: AttendedToken['side'], ids: readonly number[]) => ids.map((id) => ({ side, id }));
  const sources = of('source', source.length === 0 ? [] : (sourceIds([{ source }], sourceEnd)[0] ?? []));
  const given = of('target', [special.begin, ...Array.from(target)]);
  const written = of('target', [...Array.from(target), special.end]);
  if (hasEncoder) {
    return [
      weightsOf('cross-attention', written, sources, seen.memory),
      weightsOf('self-attention of the decoder', written, given, seen.decoder),
      weightsOf('self-attention of the encoder', sources, sources, seen.encoder),
    ];
  }
  if (sources.length === 0) return [weightsOf('self-attention', written, given, seen.decoder)];
  const joined = [...sources, ...given];
  const rows = (first: number, count: number, seenKeys: number) =>
    seen.decoder.map((layer) => block(layer, joined.length, { first, count, seenKeys }));
  return [
    weightsOf('attention of the target to the source and itself', written, joined, rows(sources.length, given.length, joined.length)),
    weightsOf('self-attention of the source', sources, sources, rows(0, sources.length, sources.length)),
  ];
}

/** `layers`: of each, [heads, queries, keys]. */
function weightsOf(
  name: string,
  queries: readonly AttendedToken[],
  keys: readonly AttendedToken[],
  layers: readonly Float32Array[],
): AttentionWeights {
  const size = queries.length * keys.length;
  const headsOf = (layer: Float32Array) =>
    Array.from({ length: layer.length / size }, (_, head) => layer.subarray(head * size, (head + 1) * size));
  return { name, queries, keys, layers: layers.map(headsOf) };
}

/** Of [heads, rows, rows] the queries from `first` on and the keys that they may see: [heads, count, seenKeys]. */
function block(
  layer: Float32Array,
  rows: number,
  { first, count, seenKeys }: { first: number; count: number; seenKeys: number },
): Float32Array {
  const heads = layer.length / rows ** 2;
  const chosen = new Float32Array(heads * count * seenKeys);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < count; row++) {
      const start = (head * rows + first + row) * rows;
      chosen.set(layer.subarray(start, start + seenKeys), (head * count + row) * seenKeys);
    }
  }
  return chosen;
}
