import { beginId, endId, ownSpecialIds, padId, specialTokens, unknownId } from '../text/tokenizer.js';
import type { ForeignVocabulary } from './foreign-model.js';

/**
 * Rows as they are stored: ids here are those of the other library.
 *
 * @param zeros  further tokens behind them, whose vectors are zeros
 */
export function storedRows(size: number, zeros = 0): Int32Array {
  return Int32Array.from({ length: size + zeros }, (_, row) => (row < size ? row : -1));
}

/** Where special tokens stand in a list of tokens. */
export interface ListedSpecials {
  readonly pad: number | undefined;
  /** What decoding begins with; undefined: a vector of zeros. */
  readonly begin: number | undefined;
  readonly end: number;
  readonly unknown: number;
}

/** A list of tokens in decade's order: the four special ones first, then the others in the order they had. */
export function listedVocabulary(size: number, { pad, begin, end, unknown }: ListedSpecials): ForeignVocabulary {
  const rows = new Int32Array(specialTokens.length);
  rows[endId] = end;
  rows[unknownId] = unknown;
  rows[beginId] = begin ?? -1;
  rows[padId] = pad ?? -1;
  const taken = new Set([end, unknown]);
  const absent: number[] = [];
  // What is there under another name, or not at all, is a token of its own here and must not be predicted.
  for (const id of [beginId, padId]) {
    const row = rows[id] as number;
    if (row < 0 || taken.has(row)) absent.push(id);
    taken.add(row);
  }
  const others = Array.from({ length: size }, (_, row) => row).filter((row) => !taken.has(row));
  return { rows: Int32Array.from([...rows, ...others]), special: ownSpecialIds, absent };
}
