import type { BatchLimits } from './options.js';

/**
 * Groups positions 0 .. lengths.length into batches of like length, longest first, within the limits (a longer one is a
 * batch by itself). Equal lengths keep their order.
 */
export function batchesByLength(lengths: readonly number[], limits: BatchLimits): number[][] {
  return batchesOf(byLength(lengths), lengths, limits);
}

function byLength(lengths: readonly number[]): number[] {
  return [...lengths.keys()].sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
}

function batchesOf(positions: readonly number[], lengths: readonly number[], limits: BatchLimits): number[][] {
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

/**
 * As `batchesByLength`, for several devices that take one batch after the other: they get as many batches each, of as many
 * tokens, so that all end at about the same time; but no batches so small that devices would idle.
 */
export function sharedBatches(lengths: readonly number[], limits: BatchLimits, devices: number, beam = 1): number[][] {
  if (devices === 1) return batchesByLength(lengths, limits);
  const positions = byLength(lengths);
  const fewest = batchesOf(positions, lengths, limits).length;
  const most = Math.max(1, Math.floor((lengths.length * beam) / fillingRows));
  const shares = Math.min(Math.ceil(fewest / devices) * devices, Math.max(fewest, most));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const parts = Array.from({ length: shares }, (): number[] => []);
  let before = 0;
  for (const position of positions) {
    const length = lengths[position] as number;
    parts[Math.floor(((before + length / 2) * shares) / total)]?.push(position);
    before += length;
  }
  return parts.flatMap((part) => {
    const evenly = Math.ceil(part.length / Math.max(1, Math.ceil(part.length / limits.sentences)));
    return batchesOf(part, lengths, { ...limits, sentences: evenly });
  });
}

/** Most bytes of logits that one step of a search may hold. */
const logitsBytes = 64 * 1024 ** 2;

/** More rows a step make no product faster. */
const enoughRows = 768;

/** `limits` for a search with this beam: a step's logits [sentences × beam, vocabulary] stay within bounds, and its rows are no more than help (but always one line). */
export function searchLimits(limits: BatchLimits, beam: number, vocabulary: number): BatchLimits {
  const rows = Math.min(enoughRows, Math.floor(logitsBytes / (4 * vocabulary)));
  return { ...limits, sentences: Math.min(limits.sentences, Math.max(1, Math.floor(rows / beam))) };
}
