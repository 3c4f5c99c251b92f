import { z } from 'zod';
import { randomKey, shuffle } from '../core/random.js';

/** How the pairs of an epoch are grouped into batches. */
export const batchSize = z.union([
  /** So many pairs (the 2014 paper: 128). */
  z.strictObject({ sentences: z.int().min(1) }),
  /** As many pairs as have at most so many target tokens together, `</s>` counted, nothing padded. */
  z.strictObject({ words: z.int().min(1) }),
]);
export type BatchSize = z.output<typeof batchSize>;

/** `length`: pairs of similar length share a batch (twice as fast in the 2014 paper); `none`: as they come. */
export const bucketing = z.enum(['length', 'none']).default('length');
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
  words(batch: number): number;
}

/**
 * Plans an epoch: every pair once, in an order that depends on nothing but the lengths, the options, the seed and the
 * epoch, so that training resumes at (epoch, batch). The pairs are shuffled, stably sorted by target and then source
 * length (so each epoch groups equal lengths differently), cut into batches, and the batches shuffled.
 */
export function planEpoch(lengths: PairLengths, options: EpochOptions, seed: number, epoch: number): EpochPlan {
  const shuffled = permutation(lengths.target.length, randomKey(seed, 'shuffle', epoch, 0));
  const order = options.bucketing === 'none' ? shuffled : sortedBy(lengths.target, sortedBy(lengths.source, shuffled));
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
    words: (batch) => sentences(batch).reduce((words, pair) => words + wordsOf(lengths.target, pair), 0),
  };
}

function wordsOf(targetLengths: ArrayLike<number>, pair: number): number {
  return (targetLengths[pair] as number) + 1;
}

function permutation(length: number, key: number): Uint32Array {
  const numbers = new Uint32Array(length);
  for (let number = 0; number < length; number++) numbers[number] = number;
  shuffle(numbers, key);
  return numbers;
}

/** Stable counting sort of pair numbers by their lengths. */
function sortedBy(lengths: ArrayLike<number>, order: Uint32Array): Uint32Array {
  let longest = 0;
  for (let pair = 0; pair < lengths.length; pair++) longest = Math.max(longest, lengths[pair] as number);
  const starts = new Uint32Array(longest + 2);
  for (let pair = 0; pair < lengths.length; pair++) (starts[(lengths[pair] as number) + 1] as number)++;
  for (let length = 1; length < starts.length; length++) (starts[length] as number) += starts[length - 1] as number;
  const sorted = new Uint32Array(order.length);
  for (const pair of order) sorted[(starts[lengths[pair] as number] as number)++] = pair;
  return sorted;
}

/** Where each batch begins, and the end of the last. A pair longer than the word limit is a batch of its own. */
function cut(order: Uint32Array, targetLengths: ArrayLike<number>, size: BatchSize): Uint32Array {
  const bounds = [0];
  if ('sentences' in size) {
    for (let end = size.sentences; end < order.length; end += size.sentences) bounds.push(end);
  } else {
    let words = 0;
    for (let position = 0; position < order.length; position++) {
      const added = wordsOf(targetLengths, order[position] as number);
      if (words > 0 && words + added > size.words) {
        bounds.push(position);
        words = 0;
      }
      words += added;
    }
  }
  if (order.length > 0) bounds.push(order.length);
  return Uint32Array.from(bounds);
}
