import type { DecodingMemory } from '../models/model.js';
import type { BatchLimits } from './options.js';
import { longestTranslation, rowsPerSentence, type SearchOptions, type SearchSentence } from './search.js';

/** What bounds a batch, besides what an option says. */
export interface SearchLimits extends BatchLimits {
  /** Of device memory, and how much the sentence at a position takes. */
  readonly memory?: { readonly bytes: number; of(position: number): number } | undefined;
}

/**
 * Groups positions 0 .. lengths.length into batches of like length, longest first, within the limits (a longer one is a
 * batch by itself). Equal lengths keep their order.
 */
export function batchesByLength(lengths: readonly number[], limits: SearchLimits): number[][] {
  return batchesOf(byLength(lengths), lengths, limits);
}

function byLength(lengths: readonly number[]): number[] {
  return [...lengths.keys()].sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
}

function batchesOf(positions: readonly number[], lengths: readonly number[], limits: SearchLimits): number[][] {
  const batches: number[][] = [];
  let batch: number[] = [];
  let [tokens, bytes] = [0, 0];
  const { memory = { bytes: 0, of: () => 0 } } = limits;
  for (const position of positions) {
    const [length, needed] = [lengths[position] as number, memory.of(position)];
    const isFull = batch.length === limits.sentences || tokens + length > limits.tokens || bytes + needed > memory.bytes;
    if (batch.length > 0 && isFull) {
      batches.push(batch);
      batch = [];
      [tokens, bytes] = [0, 0];
    }
    batch.push(position);
    tokens += length;
    bytes += needed;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** Rows (sentences, each counted once for every hypothesis) that fill a device: fewer take nearly as long, for the weights are read all the same. */
const fillingRows = 32;

/**
 * As `batchesByLength`, for several devices that take one batch after the other: they get as many batches each, of as many
 * tokens, so that all end at about the same time; but no batches so small that devices would idle.
 *
 * @param rows  of each sentence
 */
export function sharedBatches(lengths: readonly number[], limits: SearchLimits, devices: number, rows = 1): number[][] {
  if (devices === 1) return batchesByLength(lengths, limits);
  const positions = byLength(lengths);
  const fewest = batchesOf(positions, lengths, limits).length;
  const most = Math.max(1, Math.floor((lengths.length * rows) / fillingRows));
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

/** Most bytes of a device's memory that a search may hold. */
const searchBytes = 512 * 1024 ** 2;

/** With more rows in a step no product is faster. */
const enoughRows = 768;

/** What the search of a sentence holds at most. */
export function bytesOfSearch(
  { perGivenToken, perRow, perStep }: DecodingMemory,
  sentence: Pick<SearchSentence, 'source' | 'prefix'>,
  options: Pick<SearchOptions, 'beam' | 'sample' | 'maximumLength' | 'continuation'>,
): number {
  const given = sentence.source.length + (sentence.prefix?.length ?? 0);
  return perGivenToken * given + rowsPerSentence(options) * (perRow + perStep * longestTranslation(sentence, options));
}

/** `limits` for a search: what its rows hold at most stays within bounds, and they are no more than help (but always one line). */
export function searchLimits(
  limits: BatchLimits,
  memory: DecodingMemory,
  sentences: readonly Pick<SearchSentence, 'source' | 'prefix'>[],
  options: Pick<SearchOptions, 'beam' | 'sample' | 'maximumLength' | 'continuation'>,
): SearchLimits {
  const rows = rowsPerSentence(options);
  const of = (position: number) => bytesOfSearch(memory, sentences[position] as SearchSentence, options);
  return {
    ...limits,
    sentences: Math.min(limits.sentences, Math.max(1, Math.floor(enoughRows / rows))),
    memory: { bytes: searchBytes, of },
  };
}
