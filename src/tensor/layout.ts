import { DecadeError } from '../core/errors.js';

/**
 * How sentences of different lengths share the rows of one matrix, without padding: time-major, longest sentence first.
 *
 *     step 0: row of every sentence       rows 0 .. active[0]
 *     step 1: sentences longer than 1     rows offsets[1] .. offsets[1] + active[1]
 *     ...
 *
 * Sentence b's row at step t is offsets[t] + b. A stretch of steps is a contiguous range of rows, the sentences active
 * at a step are a prefix of those of the step before, and a row that would be padding does not exist, so padding cannot
 * change a result.
 */
export interface SequenceLayout {
  /** Length of each sentence in steps, falling, at least 1. */
  readonly lengths: Int32Array;
  /** Number of sentences at each step, falling. */
  readonly active: Int32Array;
  /** Row where each step begins; one more entry than steps, the last is the number of rows. */
  readonly offsets: Int32Array;
  readonly sentences: number;
  readonly steps: number;
  readonly rows: number;
}

/** The layout of sentences with these lengths, which must fall and be at least 1. */
export function sequenceLayout(lengths: ArrayLike<number>): SequenceLayout {
  const sorted = Int32Array.from(lengths);
  const steps = sorted[0] ?? 0;
  const active = new Int32Array(steps);
  const offsets = new Int32Array(steps + 1);
  for (let sentence = 0; sentence < sorted.length; sentence++) {
    const length = sorted[sentence] as number;
    if (length < 1 || (sentence > 0 && length > (sorted[sentence - 1] as number))) {
      throw new DecadeError('shape', {
        where: 'sequence layout',
        received: `length ${length} at sentence ${sentence}`,
        allowed: 'lengths of at least 1 in descending order',
      });
    }
  }
  let sentences = sorted.length;
  for (let step = 0; step < steps; step++) {
    while (sentences > 0 && (sorted[sentences - 1] as number) <= step) sentences--;
    active[step] = sentences;
    offsets[step + 1] = (offsets[step] as number) + sentences;
  }
  return { lengths: sorted, active, offsets, sentences: sorted.length, steps, rows: offsets[steps] ?? 0 };
}

/** A layout of one step: `rows` sentences of length 1, as in a step of decoding. */
export function singleStepLayout(rows: number): SequenceLayout {
  return sequenceLayout(new Int32Array(rows).fill(1));
}

/** Sentences whose rows lie together: sentence b has rows starts[b] .. starts[b] + lengths[b]. The other layout, for attention. */
export interface RowRanges {
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** Rows that the ranges reach to. */
  readonly rows: number;
}

/** Sentences of these lengths one after another, without padding: sentence-major. */
export function rowRanges(lengths: ArrayLike<number>): RowRanges {
  const starts = new Int32Array(lengths.length);
  let rows = 0;
  for (let sentence = 0; sentence < lengths.length; sentence++) {
    starts[sentence] = rows;
    rows += lengths[sentence] as number;
  }
  return { starts, lengths: Int32Array.from(lengths), rows };
}
