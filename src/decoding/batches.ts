import type { BatchLimits } from './options.js';

/**
 * Groups positions 0 .. lengths.length into batches of like length, longest first, within the limits (a longer one is a
 * batch by itself). Equal lengths keep their order.
 */
export function batchesByLength(lengths: readonly number[], limits: BatchLimits): number[][] {
  const positions = [...lengths.keys()].sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  const batches: number[][] = [];
  let batch: number[] = [];
  let tokens = 0;
  for (const position of positions) {
    const length = lengths[position] as number;
    if (batch.length > 0 && (batch.length === limits.sentences || tokens + length > limits.tokens)) {
      batches.push(batch);
      batch = [];
      tokens = 0;
    }
    batch.push(position);
    tokens += length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
