import { type Passage, textOf } from '../../data/passage.js';
import type { TokenScores } from '../../decoding/text-score.js';

/** A line of a text, and what it costs a language model. */
export interface CostedLine {
  /** In the file, from 1, where it has empty lines between documents, too; of several files, the lines are numbered on. */
  readonly line: number;
  /** Without its end. What the model's vocabulary lacks is ⁇. */
  readonly text: string;
  /** In UTF-8, its end counted. */
  readonly bytes: number;
  readonly tokens: number;
  /** In nats; the end of the line counts, and `</s>` where the document ends with it. */
  readonly logProbability: number;
}

/** A word wherever it occurs. */
export interface CostedWord {
  readonly word: string;
  readonly occurrences: number;
  /** Sum, in nats. */
  readonly logProbability: number;
}

/** A document as a model has scored it. */
export interface CostedDocument {
  /** In UTF-8. */
  readonly bytes: number;
  readonly perToken?: TokenScores | undefined;
}

/** What a model's tokens say of bytes, as far as lines and words are concerned. */
interface Spelling {
  readonly bytes: Uint8Array;
  /** Neither a space nor the end of a line. */
  readonly isWhite: readonly boolean[];
}

const [space, lineFeed] = [0x20, 0x0a];
const white = [space, 0x09, lineFeed, 0x0d];
const unknownText = new TextEncoder().encode('⁇');

/** What passages tell of the lines in them. */
type NumberedPassage = Pick<Passage, 'bytes' | 'ends' | 'path' | 'line'>;

/**
 * The numbers of the lines of every document, with that of where it ends, as `CostedLine` has them.
 *
 * @param leavesOutBroken  whether lines that are not valid UTF-8 are no part of the documents
 */
export function lineNumbers(passages: readonly NumberedPassage[], leavesOutBroken: boolean): number[][] {
  const documents: number[][] = [];
  let numbers: number[] = [];
  let path = passages[0]?.path;
  /** Lines in the files before, and with this one. */
  let [before, reached] = [0, 0];
  for (const passage of passages) {
    if (passage.path !== path) [path, before] = [passage.path, reached];
    const broken = new Set(leavesOutBroken ? textOf(passage).brokenLines : []);
    let { line } = passage;
    for (const byte of passage.bytes) {
      if (byte !== lineFeed) continue;
      if (!broken.has(line)) numbers.push(before + line);
      line++;
    }
    const isLineOpen = passage.bytes.length > 0 && passage.bytes.at(-1) !== lineFeed;
    reached = before + line - (isLineOpen ? 0 : 1);
    if (!passage.ends) continue;
    documents.push([...numbers, before + line]);
    numbers = [];
  }
  return documents;
}

/**
 * What every line costs, by the tokens of the documents. A token that is white space alone belongs to what stands before it. Documents
 * without a token, which no figure of a whole text counts, have no lines.
 *
 * @param numbers  of the lines of every document
 */
export function costsOfLines(documents: readonly CostedDocument[], numbers: readonly (readonly number[])[]): CostedLine[] {
  const lines: CostedLine[] = [];
  const lacksWords = lacksWholeWords(documents);
  for (const [document, { bytes: ofDocument, perToken }] of documents.entries()) {
    if (perToken === undefined || perToken.ids.length === 1) continue;
    const spelling = spellings(perToken);
    const first = lines.length;
    let [written, bytes, tokens, logProbability]: [number[], number, number, number] = [[], 0, 0, 0];
    const end = () => {
      const line = numbers[document]?.[lines.length - first] ?? (lines.at(-1)?.line ?? 0) + 1;
      lines.push({ line, text: decoded(written), bytes, tokens, logProbability });
      [written, bytes, tokens, logProbability] = [[], 0, 0, 0];
    };
    perToken.ids.forEach((id, token) => {
      tokens++;
      logProbability += perToken.logProbabilities[token] ?? 0;
      const spelt = spelling(id).bytes;
      if (spelt.length === 0 && token < perToken.ids.length - 1) {
        const [before] = written.slice(-1);
        if (lacksWords && before !== undefined && !white.includes(before)) written.push(space);
        written.push(...unknownText);
      }
      for (const byte of spelt) {
        bytes++;
        if (byte === lineFeed) end();
        else written.push(byte);
      }
    });
    if (bytes > 0 || lines.length === first) end();
    else addToLast(lines, { tokens, logProbability });
    const [only] = lines.slice(first);
    // Tokens of words carry a space that the first word of a document does not have.
    if (only !== undefined && lines.length === first + 1) lines[first] = { ...only, text: only.text.trim(), bytes: ofDocument };
  }
  return lines;
}

/** `</s>` after the last end of a line. */
function addToLast(lines: CostedLine[], { tokens, logProbability }: Pick<CostedLine, 'tokens' | 'logProbability'>): void {
  const last = lines.at(-1);
  if (last === undefined) return;
  lines[lines.length - 1] = { ...last, tokens: last.tokens + tokens, logProbability: last.logProbability + logProbability };
}

/** What every word costs, without marks at its ends; the costliest in all first. `</s>` belongs to none. */
export function costsOfWords(documents: readonly CostedDocument[]): CostedWord[] {
  const words = new Map<string, { occurrences: number; logProbability: number }>();
  const lacksWords = lacksWholeWords(documents);
  for (const { perToken } of documents) {
    if (perToken === undefined) continue;
    const spelling = spellings(perToken);
    let [written, logProbability]: [number[], number] = [[], 0];
    const end = () => {
      const word = decoded(written).replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
      if (word !== '') {
        const known = words.get(word) ?? { occurrences: 0, logProbability: 0 };
        words.set(word, { occurrences: known.occurrences + 1, logProbability: known.logProbability + logProbability });
      }
      [written, logProbability] = [[], 0];
    };
    perToken.ids.slice(0, -1).forEach((id, token) => {
      const { bytes, isWhite } = spelling(id);
      const cost = perToken.logProbabilities[token] ?? 0;
      const isUnknown = bytes.length === 0;
      // What begins with white space begins a word; what is nothing else ends one.
      if (isUnknown ? lacksWords : beginsWord(isWhite)) end();
      logProbability += cost;
      if (isUnknown) {
        written.push(...unknownText);
        if (lacksWords) end();
      }
      bytes.forEach((byte, place) => {
        if (isWhite[place] !== true) written.push(byte);
        else if (written.length > 0) end();
      });
    });
    end();
  }
  return Array.from(words, ([word, cost]) => ({ word, ...cost })).sort((a, b) => a.logProbability - b.logProbability);
}

/** Whether tokens carry the space before a word, as those of a vocabulary of words do: what it lacks is then a word, not a part of one. */
function lacksWholeWords(documents: readonly CostedDocument[]): boolean {
  return documents.some(({ perToken }) => {
    if (perToken === undefined) return false;
    const spelling = spellings(perToken);
    return perToken.ids.some((id) => beginsWord(spelling(id).isWhite));
  });
}

/** Whether a token is white space and what follows it. */
function beginsWord(isWhite: Spelling['isWhite']): boolean {
  return isWhite[0] === true && isWhite.includes(false);
}

function spellings({ bytesOf }: TokenScores): (id: number) => Spelling {
  const known = new Map<number, Spelling>();
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const bytes = bytesOf(id);
    const spelling = { bytes, isWhite: Array.from(bytes, (byte) => white.includes(byte)) };
    known.set(id, spelling);
    return spelling;
  };
}

function decoded(bytes: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
