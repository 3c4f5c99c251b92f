import * as z from 'zod';
import { randomKey, shuffle } from '../core/random.js';

/** How the pairs of an epoch are grouped into batches. */
export const batchSize = z.union([
  z.strictObject({ sentences: z.int().min(1).describe('Sentence pairs per batch. The paper: 128.') }),
  z.strictObject({
    tokens: z.int().min(1).meta({ description: 'At most this many target tokens per batch, </s> included.', example: 4096 }),
  }),
]);
export type BatchSize = z.output<typeof batchSize>;

export const bucketing = z
  .enum(['length', 'corpus', 'none'])
  .default('length')
  .describe(
    'Batch pairs of similar length: sorted within shuffled pools (length) or over the whole corpus, so that epochs repeat batches (corpus).',
  );
export type Bucketing = z.output<typeof bucketing>;

/** Tokens of every pair of a corpus, `</s>` not counted. */
export interface PairLengths {
  readonly source: ArrayLike<number>;
  readonly target: ArrayLike<number>;
}

export interface EpochOptions {
  size: BatchSize;
  bucketing: Bucketing;
}

/** Which pairs each batch of an epoch holds. */
export interface EpochPlan {
  readonly batches: number;
  /** The corpus's numbers of the pairs in a batch. */
  sentences(batch: number): Uint32Array;
  /** Target tokens of a batch, `</s>` counted. */
  tokens(batch: number): number;
}

/**
 * Plans an epoch: every pair once, in an order that depends on nothing but the lengths, the options, the seed and the
 * epoch, so that training resumes at (epoch, batch). The pairs are shuffled, sorted by length within large pools (so
 * that other neighbours meet each epoch), cut into batches, and the batches shuffled.
 */
export function planEpoch(lengths: PairLengths, options: EpochOptions, seed: number, epoch: number): EpochPlan {
  const order = permutation(lengths.target.length, randomKey(seed, 'shuffle', epoch, 0));
  if (options.bucketing === 'length') sortPools(order, lengths, poolSize(lengths.target, options.size));
  if (options.bucketing === 'corpus') sortPools(order, lengths, order.length);
  const bounds = cut(order, lengths.target, options.size);
  const batches = bounds.length - 1;
  const batchOrder = permutation(batches, randomKey(seed, 'shuffle', epoch, 1));
  const sentences = (batch: number): Uint32Array => {
    const position = batchOrder[batch];
    if (position === undefined) throw new RangeError(`batch ${batch} of an epoch of ${batches}`);
    return order.subarray(bounds[position], bounds[position + 1]);
  };
  return {
    batches,
    sentences,
    tokens: (batch) => sentences(batch).reduce((tokens, pair) => tokens + tokensOf(lengths.target, pair), 0),
  };
}

function tokensOf(targetLengths: ArrayLike<number>, pair: number): number {
  return (targetLengths[pair] as number) + 1;
}

function permutation(length: number, key: number): Uint32Array {
  const numbers = new Uint32Array(length);
  for (let number = 0; number < length; number++) numbers[number] = number;
  shuffle(numbers, key);
  return numbers;
}

const batchesOfAPool = 100;
/** A small corpus has no room for large pools, and in a single one the same pairs would meet every epoch. */
const fewestPools = 4;

/** Pairs of a pool; whole batches where they are counted in sentences. */
function poolSize(targetLengths: ArrayLike<number>, size: BatchSize): number {
  const pairs = targetLengths.length;
  const largest = Math.ceil(pairs / fewestPools);
  if ('sentences' in size) return size.sentences * Math.max(1, Math.min(batchesOfAPool, Math.floor(largest / size.sentences)));
  let tokens = 0;
  for (let pair = 0; pair < pairs; pair++) tokens += tokensOf(targetLengths, pair);
  return Math.max(1, Math.min(largest, Math.ceil((batchesOfAPool * size.tokens * pairs) / tokens)));
}

/** Sorts each pool by target and then source length, every second one falling, so that lengths also meet where pools do. */
function sortPools(order: Uint32Array, lengths: PairLengths, pairs: number): void {
  for (let start = 0, number = 0; start < order.length; start += pairs, number++) {
    const pool = order.subarray(start, start + pairs);
    pool.set(sortedBy(lengths.target, sortedBy(lengths.source, pool)));
    if (number % 2 === 1) pool.reverse();
  }
}

/** Stable counting sort of pair numbers by their lengths. */
function sortedBy(lengths: ArrayLike<number>, pairs: Uint32Array): Uint32Array {
  let longest = 0;
  for (const pair of pairs) longest = Math.max(longest, lengths[pair] as number);
  const starts = new Uint32Array(longest + 2);
  for (const pair of pairs) (starts[(lengths[pair] as number) + 1] as number)++;
  for (let length = 1; length < starts.length; length++) (starts[length] as number) += starts[length - 1] as number;
  const sorted = new Uint32Array(pairs.length);
  for (const pair of pairs) sorted[(starts[lengths[pair] as number] as number)++] = pair;
  return sorted;
}

/** Where each batch begins, and the end of the last. A pair longer than the token limit is a batch of its own. */
function cut(order: Uint32Array, targetLengths: ArrayLike<number>, size: BatchSize): Uint32Array {
  const bounds = [0];
  if ('sentences' in size) {
    for (let end = size.sentences; end < order.length; end += size.sentences) bounds.push(end);
  } else {
    let tokens = 0;
    for (let position = 0; position < order.length; position++) {
      const added = tokensOf(targetLengths, order[position] as number);
      if (tokens > 0 && tokens + added > size.tokens) {
        bounds.push(position);
        tokens = 0;
      }
      tokens += added;
    }
  }
  if (order.length > 0) bounds.push(order.length);
  return Uint32Array.from(bounds);
}
