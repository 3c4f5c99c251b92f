import { beginId, padId, specialTokens, unknownId } from '../text/tokenizer.js';

/** The ids of special tokens in the numbering of another library. */
export interface ForeignSpecials {
  readonly pad?: number | undefined;
  /** What decoding begins with: it may be the token of the end or of padding, or a vector of zeros. Undefined: `unknown` stands for it. */
  readonly begin?: number | 'zero' | undefined;
  readonly end: number;
  readonly unknown?: number | undefined;
}

/** A vocabulary of another library in decade's order: the four special tokens first, then the others in the order they had. */
export interface OrderedTokens {
  /** Of every token id here, its row there. Tokens that are not there have the row of another, or none (-1): zeros. */
  readonly rows: Int32Array;
  /** Special tokens that are not there by themselves, and so must never be predicted. */
  readonly absent: (typeof specialTokens)[number][];
}

/** @param size  number of rows there */
export function orderTokens(size: number, { pad, begin, end, unknown }: ForeignSpecials): OrderedTokens {
  const wanted = { [padId]: pad, [beginId]: begin ?? unknown, [unknownId]: unknown } as const;
  const taken = new Set([end]);
  const absent: OrderedTokens['absent'] = [];
  // What decoding begins with is a token of its own before padding is: in Marian they are one.
  const rowOf = (id: keyof typeof wanted): number => {
    const row = wanted[id];
    if (typeof row === 'number' && !taken.has(row)) taken.add(row);
    else absent.push(specialTokens[id]);
    return row === 'zero' ? -1 : (row ?? end);
  };
  const known = rowOf(unknownId);
  const first = rowOf(beginId);
  const padding = rowOf(padId);
  const others = Array.from({ length: size }, (_, row) => row).filter((row) => !taken.has(row));
  return { rows: Int32Array.from([padding, first, end, known, ...others]), absent };
}

/** Of every row there, the token id here. */
export function tokensOfRows({ rows, absent }: OrderedTokens, size: number): Int32Array {
  const tokens = new Int32Array(size);
  for (const [id, row] of rows.entries()) {
    const special = specialTokens[id];
    if (special === undefined || !absent.includes(special)) tokens[row] = id;
  }
  return tokens;
}
