import type { Tensor } from '../tensor/tensor.js';

/** What a processor may know of the rows of a search. All rows have the same number of tokens. */
export interface LiveRows {
  readonly count: number;
  /** Tokens of every row so far. */
  readonly length: number;
  /** Which of the sentences a row belongs to. */
  sentence(row: number): number;
  /** The tokens of a row, read back from the history: not free. */
  ids(row: number): Int32Array;
}

/**
 * Changes what may follow: sets log-probabilities [rows, vocabulary] to -Infinity, in place. The others keep their
 * value, so that the score of a translation is the model's own, whatever was forbidden on the way.
 */
export type Processor = (scores: Tensor, live: LiveRows) => void;

export function inOrder(...processors: readonly Processor[]): Processor {
  return (scores, live) => {
    for (const processor of processors) processor(scores, live);
  };
}

/** These ids never follow. */
export function forbid(ids: readonly number[]): Processor {
  return (scores, live) => {
    const values = scores.f32;
    const vocabulary = scores.dimension(1);
    for (let row = 0; row < live.count; row++) {
      for (const id of ids) values[row * vocabulary + id] = -Infinity;
    }
  };
}

/** `processor`, while the rows have fewer than `length` tokens. */
export function untilLength(length: number, processor: Processor): Processor {
  return (scores, live) => {
    if (live.length < length) processor(scores, live);
  };
}

/** No run of `size` tokens occurs twice in a row. */
export function forbidRepeats(size: number): Processor {
  return (scores, live) => {
    if (live.length < size) return;
    const values = scores.f32;
    const vocabulary = scores.dimension(1);
    for (let row = 0; row < live.count; row++) {
      const ids = live.ids(row);
      const tail = ids.length - (size - 1);
      for (let start = 0; start + size <= ids.length; start++) {
        let same = 0;
        while (same < size - 1 && ids[start + same] === ids[tail + same]) same++;
        if (same === size - 1) values[row * vocabulary + (ids[start + size - 1] as number)] = -Infinity;
      }
    }
  };
}

/** Logarithm of the least normal 32-bit float: what stands for a probability that an average of probabilities rounds to 0. */
const leastLogProbability = Math.log(2 ** -126);

/**
 * Where `next` names the token that a sentence must have at this length, only that one may follow; elsewhere
 * `otherwise` decides. A forced token keeps its log-probability even where `otherwise` forbids it.
 */
export function forcing(next: (sentence: number, length: number) => number | undefined, otherwise: Processor): Processor {
  return (scores, live) => {
    const vocabulary = scores.dimension(1);
    const forced: { row: number; id: number; value: number }[] = [];
    for (let row = 0; row < live.count; row++) {
      const id = next(live.sentence(row), live.length);
      if (id !== undefined) forced.push({ row, id, value: scores.f32[row * vocabulary + id] as number });
    }
    if (forced.length < live.count) otherwise(scores, live);
    const values = scores.f32;
    for (const { row, id, value } of forced) {
      values.fill(-Infinity, row * vocabulary, (row + 1) * vocabulary);
      values[row * vocabulary + id] = value === -Infinity ? leastLogProbability : value;
    }
  };
}
