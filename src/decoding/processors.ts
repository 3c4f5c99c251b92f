import type { Tensor } from '../tensor/tensor.js';

/** What a processor may know of the rows of a search. */
export interface LiveRows {
  readonly count: number;
  /** Tokens of a row so far. */
  length(row: number): number;
  /** Which of the sentences a row belongs to. */
  sentence(row: number): number;
  /** The tokens of a row, read back from the history: not free. */
  ids(row: number): Int32Array;
}

/**
 * Changes what may follow: sets logits [rows, vocabulary] to -Infinity, in place. They have been normalised before, and the
 * others keep their value, so that the score of a translation is the model's own, whatever was forbidden on the way.
 */
export type Processor = (logits: Tensor, live: LiveRows) => void;

export function inOrder(...processors: readonly Processor[]): Processor {
  return (logits, live) => {
    for (const processor of processors) processor(logits, live);
  };
}

/** These ids never follow; given a length, they may where a row has so many tokens. */
export function forbid(ids: readonly number[], belowLength = Infinity): Processor {
  return (logits, live) => {
    const values = logits.f32;
    const vocabulary = logits.dimension(1);
    for (let row = 0; row < live.count; row++) {
      if (live.length(row) >= belowLength) continue;
      for (const id of ids) values[row * vocabulary + id] = -Infinity;
    }
  };
}

/** No run of `size` tokens occurs twice in a row. */
export function forbidRepeats(size: number): Processor {
  return (logits, live) => {
    const values = logits.f32;
    const vocabulary = logits.dimension(1);
    for (let row = 0; row < live.count; row++) {
      if (live.length(row) < size) continue;
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

/**
 * Logarithm of the least normal 32-bit float: what stands for a probability that an average of probabilities rounds to 0. Such
 * averages are normalised, so it stands for a logit as well.
 */
const leastLogProbability = Math.log(2 ** -126);

/**
 * Where `next` names the token that a sentence must have at this length, only that one may follow; elsewhere
 * `otherwise` decides. A forced token keeps its logit even where `otherwise` forbids it.
 */
export function forcing(next: (sentence: number, length: number) => number | undefined, otherwise: Processor): Processor {
  return (logits, live) => {
    const vocabulary = logits.dimension(1);
    const forced: { row: number; id: number; value: number }[] = [];
    for (let row = 0; row < live.count; row++) {
      const id = next(live.sentence(row), live.length(row));
      if (id !== undefined) forced.push({ row, id, value: logits.f32[row * vocabulary + id] as number });
    }
    if (forced.length < live.count) otherwise(logits, live);
    const values = logits.f32;
    for (const { row, id, value } of forced) {
      values.fill(-Infinity, row * vocabulary, (row + 1) * vocabulary);
      values[row * vocabulary + id] = value === -Infinity ? leastLogProbability : value;
    }
  };
}
