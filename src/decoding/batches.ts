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

/** Rows (sentences, each counted once for every hypothesis) that fill a device: fewer take nearly as long, for the weights are read all the same. */
const fillingRows = 32;

/** `limits` for a batch of so many lines, so small that each of the devices has some of them, unless that would leave them idling. */
export function dividedLimits(limits: BatchLimits, lines: number, devices: number, beam = 1): BatchLimits {
  const share = Math.max(Math.ceil(lines / devices), Math.ceil(fillingRows / beam));
  return { ...limits, sentences: Math.min(limits.sentences, share) };
}

/** Most bytes of logits that one step of a search may hold. */
const logitsBytes = 64 * 1024 ** 2;

/** `limits` for a search with this beam, so that a step's logits [sentences × beam, vocabulary] stay within bounds (but always one line). */
export function searchLimits(limits: BatchLimits, beam: number, vocabulary: number): BatchLimits {
  const rows = Math.floor(logitsBytes / (4 * vocabulary));
  return { ...limits, sentences: Math.min(limits.sentences, Math.max(1, Math.floor(rows / beam))) };
}
