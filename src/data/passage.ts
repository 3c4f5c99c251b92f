import { firstBrokenByte } from '../core/utf8.js';
import { isByteTokenizer } from '../text/byte-level.js';
import type { Tokenizer } from '../text/tokenizer.js';

const lineFeed = 0x0a;

/**
 * A document, or a part of one that is too long to be held at once. Parts are cut in front of white space, where no word and no
 * token of any tokenizer crosses.
 */
export interface Passage {
  readonly bytes: Uint8Array;
  /** Whether the document ends here. */
  readonly ends: boolean;
  readonly path: string;
  /** Of the first byte, from 1. */
  readonly line: number;
}

/** The text of a passage, and where the lines are that had to be left out because they are not valid UTF-8. */
export function textOf({ bytes, line }: Pick<Passage, 'bytes' | 'line'>): {
  readonly text: string;
  readonly brokenLines: readonly number[];
} {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  if (firstBrokenByte(bytes) === bytes.length) return { text: decoder.decode(bytes), brokenLines: [] };
  const kept: string[] = [];
  const brokenLines: number[] = [];
  let number = line;
  for (let start = 0; start < bytes.length; number++) {
    const found = bytes.indexOf(lineFeed, start);
    const end = found < 0 ? bytes.length : found + 1;
    const whole = bytes.subarray(start, end);
    if (firstBrokenByte(whole) === whole.length) kept.push(decoder.decode(whole));
    else brokenLines.push(number);
    start = end;
  }
  return { text: kept.join(''), brokenLines };
}

/** The tokens of a passage, and how much text they stand for. Lines that are not UTF-8 are left out, unless tokens are bytes. */
export function tokensOf(
  passage: Pick<Passage, 'bytes' | 'line'>,
  tokenizer: Tokenizer,
): { ids: readonly number[]; bytes: number; words: number; brokenLines: readonly number[] } {
  const { text, brokenLines } = textOf(passage);
  if (isByteTokenizer(tokenizer)) {
    const lossy = brokenLines.length === 0 ? text : new TextDecoder('utf-8', { ignoreBOM: true }).decode(passage.bytes);
    return { ids: tokenizer.encodeBytes(passage.bytes), bytes: passage.bytes.length, words: countWords(lossy), brokenLines: [] };
  }
  const bytes = brokenLines.length === 0 ? passage.bytes.length : new TextEncoder().encode(text).length;
  return { ids: tokenizer.encode(text), bytes, words: countWords(text), brokenLines };
}

/** Words between white space. */
function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}
