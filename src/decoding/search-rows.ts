import { DecadeError } from '../core/errors.js';
import type { Scope } from '../tensor/device.js';
import type { Normalisers } from '../tensor/operations/search.js';
import type { Tensor } from '../tensor/tensor.js';
import type { LengthPenalty } from './length-penalty.js';
import type { LiveRows } from './processors.js';
import type { Path } from './search-history.js';

/** A text that a search has found for one sentence. */
export interface Hypothesis extends Path {
  /** Sum of `tokenLogProbabilities`. */
  readonly logProbability: number;
  /** `logProbability` divided by the length penalty. */
  readonly score: number;
  /** What the score of a model with a search of its own is made of, by name. */
  readonly features?: Readonly<Record<string, number>> | undefined;
}

/** What a model says of the next token of every row. */
export interface Predictions {
  /** [rows, vocabulary], with their bias; what may not follow is -Infinity. */
  readonly logits: Tensor;
  /** What turns them into the model's own log-probabilities, counted before anything was forbidden. */
  readonly normalisers: Normalisers;
  readonly attention: readonly Float32Array[] | undefined;
}

/** A token that has just been drawn. */
export interface DrawnToken {
  readonly sentence: number;
  /** From 0 on. */
  readonly sample: number;
  /** Any but `</s>`. */
  readonly id: number;
}

/** How the rows of a search go on: by their best extensions (`Beams`), or by drawn ones (`Samples`). */
export interface SearchRows extends LiveRows {
  /** Steps that have been taken. */
  readonly steps: number;
  /** The last token of every row, once a step has been taken. */
  readonly previousIds: Int32Array;
  /** Takes a step. Gives the row before it that each row extends, or undefined when every row extends itself. */
  advance(scope: Scope, predictions: Predictions): Int32Array | undefined;
  /** What the last step drew; undefined where no token is sure before the end. */
  readonly drawn?: readonly DrawnToken[] | undefined;
  /** What was found for every sentence, once no row is left. */
  readonly results: Hypothesis[][];
}

/** The rows of a beam, or of a group of a diverse one, that are extended together, and how many extensions are taken. */
export interface RowsShare {
  readonly firstRow: number;
  readonly endRow: number;
  readonly places: number;
}

/** Extensions of rows by a token: those from place `first` on, to `end`. */
export interface Offer {
  readonly first: number;
  readonly end: number;
  readonly rows: ArrayLike<number>;
  readonly ids: ArrayLike<number>;
  /** Score of the row plus log-probability. */
  readonly totals: ArrayLike<number>;
  readonly logProbabilities: ArrayLike<number>;
}

export interface SearchRowsOptions {
  readonly penalty: LengthPenalty;
  /** What the text of each sentence begins with. */
  readonly prefixes: readonly Path[];
  /** Most tokens of each sentence, its prefix counted and `</s>` not. */
  readonly maximumLengths: Int32Array;
  /** That of `</s>`. */
  readonly endId: number;
  /** What a message calls a sentence. */
  nameOf(sentence: number): string;
}

export function nothingMayFollow(sentence: string, length: number): DecadeError {
  return new DecadeError('numeric', {
    where: `search, ${sentence}, after ${length} tokens`,
    received: 'no token that can follow',
    allowed: 'finite scores for at least one token',
    next: 'check that the loss of the model was not NaN, and that minimumLength and forbidRepeats leave a choice',
  });
}
