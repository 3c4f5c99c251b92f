import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { brokenLine, brokenLinesError } from '../data/broken-lines.js';
import { byteLines, describeText, notEmpty, readPassages, type TextSource } from '../data/documents.js';
import { readLines } from '../data/lines.js';
import type { Passage } from '../data/passage.js';
import { nodeFiles, streamOnce, streamStandardInput } from '../node/files/files.js';

/** The name of an input without a path, for errors. */
const standardInput = 'standard input';

/** A line of text, and its place for errors. */
export interface InputLine {
  readonly where: string;
  /** Undefined for a line that is not valid UTF-8. */
  readonly text: string | undefined;
}

/** The lines of a file (or a `.gz` file), or of standard input without a path, each as soon as it arrives. */
export async function* linesOf(path: string | undefined): AsyncGenerator<InputLine> {
  yield* isStandardInput(path) ? numbered(standardInputFiles, standardInput) : numbered({ stream: streamOnce }, path);
}

/** All lines of a file; throws `input` for a line that is not valid UTF-8. Also works repeatedly on a pipe. */
export async function allLines(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { where, text } of isStandardInput(path) ? linesOf(path) : numbered(nodeFiles, path)) {
    if (text === undefined) throw brokenLine(where);
    lines.push(text);
  }
  return lines;
}

/**
 * Files of text, one after the other, cut into documents, or line by line with the empty ones. `-`: standard input. Throws `input` where
 * there is not a byte in them.
 */
export function documentsOf(paths: readonly string[], documents: TextSource['documents'] | 'every line'): AsyncGenerator<Passage> {
  const text = paths.map(inputNamed);
  return notEmpty(describeInputs(paths), documents === 'every line' ? everyLine(text) : readPassages(inputsReadOnce, { text, documents }));
}

async function* everyLine(names: readonly string[]): AsyncGenerator<Passage> {
  for (const path of names) {
    let line = 0;
    for await (const bytes of byteLines(inputsReadOnce, path)) yield { bytes, ends: true, path, line: ++line };
  }
}

/** Inputs in a few words, for messages. */
export function describeInputs(paths: readonly string[]): string {
  return describeText({ text: paths.map(inputNamed) });
}

function isStandardInput(path: string | undefined): path is undefined | '-' {
  return path === undefined || path === '-';
}

async function* numbered(files: Pick<Files, 'stream'>, name: string): AsyncGenerator<InputLine> {
  let line = 0;
  for await (const block of readLines(files, name)) {
    for (const text of block) yield { where: `${name}: line ${++line}`, text };
  }
}

/**
 * For when the rest is done: throws `input` if there were lines that are not valid UTF-8.
 *
 * @param became  what the output has of them
 */
export function requireNoneBroken(places: readonly string[], became: string): void {
  const error = brokenLinesError(places, became);
  if (error !== undefined) throw error;
}

/** Throws `input`, naming both counts, unless the two have as many lines. */
export function requireSameCount(
  first: { name: string; lines: readonly string[] },
  second: { name: string; lines: readonly string[] },
): void {
  if (first.lines.length === second.lines.length) return;
  throw new DecadeError('input', {
    where: `${first.name} and ${second.name}`,
    received: `${first.lines.length} and ${second.lines.length} lines`,
    allowed: 'equal numbers of lines',
    next: 'look for a missing or split line: the files must be parallel',
  });
}

/** Inputs that are read once: files, pipes, and standard input by its name (`inputNamed`). */
export const inputsReadOnce: Pick<Files, 'stream'> = {
  stream: (path) => (path === standardInput ? standardInputFiles.stream(path) : streamOnce(path)),
};

/** The name of an input, for errors, and for `inputsReadOnce`. */
export function inputNamed(path: string): string {
  return isStandardInput(path) ? standardInput : path;
}

let taken: typeof process.stdin | undefined;

/** Can be read only once, so it cannot serve as two inputs. */
const standardInputFiles: Pick<Files, 'stream'> = {
  stream(path) {
    if (taken === process.stdin) {
      throw new DecadeError('usage', {
        where: standardInput,
        received: 'given for two inputs',
        allowed: 'one',
        next: 'pass the other as a file or as <(COMMAND)',
      });
    }
    taken = process.stdin;
    return streamStandardInput(path);
  },
};
