import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { shownValue } from '../../core/visible-text.js';
import { readLines } from '../lines.js';
import { readPairs } from '../sources.js';

/** What is kept or dropped as a whole: a line of a text, or a line and its translation. */
export interface CorpusLine {
  /** Where it stands, from 1 on. */
  readonly number: number;
  /** The text; of a pair, the source and the target. None where the line cannot be used. */
  readonly sides: readonly string[];
  /** All columns of a row, for a corpus in one file with tabs: they stay as they are. */
  readonly columns?: readonly string[] | undefined;
  /** Why it holds no text: not valid UTF-8, no tab but several spaces in a row, fewer or more columns than there should be. */
  readonly unusable?: 'encoding' | 'spaces' | 'columns' | undefined;
}

/** The text of a side, in whatever form. Throws `usage`, of the option `where`, for the target of text in one language. */
export function sideOf([source = '', target]: readonly string[], side: 'source' | 'target', where: string): string {
  if (side === 'source') return source;
  if (target !== undefined) return target;
  throw new DecadeError('usage', { where, received: 'target, for text in one language', allowed: 'pairs, or the source' });
}

/** Lines that can be taken one after the other; what takes them twice says so. */
export type CorpusLines = AsyncIterable<CorpusLine> | Iterable<CorpusLine>;

/** Where the lines of a corpus are: pairs in two files, pairs or text in the columns of one, or text. `.gz` is unpacked. */
export type CorpusFiles =
  | { readonly source: string; readonly target: string }
  /** `columns`: those with the text or the two sides, from 1 on; others may stand beside them. Default: the file has two, the sides. */
  | { readonly tsv: string; readonly columns?: readonly number[] | undefined }
  | { readonly text: string };

/**
 * The lines of a corpus in files, streamed, anew each time they are asked for. A line that cannot be used is one of them, and the rest
 * goes on. Throws `input` for a missing file, damaged gzip, and parallel files with different line counts.
 */
export function corpusLines(files: Pick<Files, 'stream'>, corpus: CorpusFiles): AsyncIterable<CorpusLine> {
  if (pathsOfCorpus(corpus).some((path) => typeof path !== 'string')) {
    throw new DecadeError('usage', {
      where: 'corpus',
      received: shownValue(corpus),
      allowed: '{ source, target }, { tsv } or { text }, each the path of a file',
    });
  }
  const read = 'text' in corpus ? textLines : 'tsv' in corpus ? tsvLines : pairLines;
  return { [Symbol.asyncIterator]: () => read(files, corpus as never) };
}

/** The paths of a corpus. */
export function pathsOfCorpus(corpus: CorpusFiles): readonly string[] {
  return 'text' in corpus ? [corpus.text] : 'tsv' in corpus ? [corpus.tsv] : [corpus.source, corpus.target];
}

/** A corpus in a few words, for people. */
export function describeCorpus(corpus: CorpusFiles): string {
  return pathsOfCorpus(corpus).join(' and ');
}

async function* pairLines(files: Pick<Files, 'stream'>, corpus: { source: string; target: string }): AsyncGenerator<CorpusLine> {
  for await (const pair of readPairs(files, corpus)) {
    if ('unusable' in pair) yield { number: pair.line, sides: [], unusable: pair.unusable };
    else yield { number: pair.line, sides: [pair.source, pair.target] };
  }
}

async function* textLines(files: Pick<Files, 'stream'>, { text }: { text: string }): AsyncGenerator<CorpusLine> {
  let number = 0;
  for await (const block of readLines(files, text)) {
    for (const line of block) {
      number++;
      yield line === undefined ? { number, sides: [], unusable: 'encoding' } : { number, sides: [line] };
    }
  }
}

async function* tsvLines(
  files: Pick<Files, 'stream'>,
  { tsv, columns: named }: { tsv: string; columns?: readonly number[] | undefined },
): AsyncGenerator<CorpusLine> {
  const chosen = named ?? [1, 2];
  if (chosen.length === 0 || chosen.length > 2 || chosen.some((column) => !Number.isInteger(column) || column < 1)) {
    throw new DecadeError('usage', { where: 'columns', received: chosen.join(', ') || 'none', allowed: 'one or two numbers from 1 on' });
  }
  let number = 0;
  for await (const block of readLines(files, tsv)) {
    for (const line of block) yield rowOf(++number, line, chosen, named === undefined);
  }
}

function rowOf(number: number, line: string | undefined, chosen: readonly number[], isExact: boolean): CorpusLine {
  if (line === undefined) return { number, sides: [], unusable: 'encoding' };
  const columns = line.split('\t');
  if (columns.length === 1 && chosen.length > 1 && /\S\s{2,}\S/.test(line)) return { number, sides: [], columns, unusable: 'spaces' };
  const isFitting = isExact ? columns.length === chosen.length : columns.length >= Math.max(...chosen);
  if (!isFitting) return { number, sides: [], columns, unusable: 'columns' };
  return { number, sides: chosen.map((column) => columns[column - 1] ?? ''), columns };
}
