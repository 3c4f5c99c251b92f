import * as z from 'zod';
import { DecadeError } from '../core/errors.js';

/** Which pairs are used. Lengths are in tokens, `</s>` not counted. */
export const filterOptions = z.strictObject({
  maximumLength: z.int().min(1).max(65_535).default(100).describe('Drop pairs with more tokens than this on either side.'),
  maximumRatio: z.number().min(1).default(9).describe('Drop pairs with one side more than this many times as long as the other.'),
  balancedUpTo: z.int().min(0).default(20).describe('Ignore maximumRatio when neither side has more tokens than this.'),
});
export type FilterOptions = z.output<typeof filterOptions>;

export const dropReasons = ['encoding', 'spaces', 'columns', 'empty', 'long', 'unbalanced'] as const;
/**
 * Why a pair was dropped: a line that is not valid UTF-8, a line with several spaces in a row where a tab should be, one
 * without two columns for another reason, a side without a token, a side with too many, sides of too different lengths.
 */
export type DropReason = (typeof dropReasons)[number];

export interface FilterReport {
  /** Lines read. */
  read: number;
  /** Pairs kept. */
  kept: number;
  /** For each reason how many were dropped, and the line number of the first (absent for none), with its file where there are several. */
  dropped: Record<DropReason, { count: number; firstLine?: number; firstFile?: string }>;
}

/** The reason to drop a pair with sides of these lengths, or `undefined` to keep it. */
export function dropReason(sourceLength: number, targetLength: number, options: FilterOptions): DropReason | undefined {
  const shorter = Math.min(sourceLength, targetLength);
  const longer = Math.max(sourceLength, targetLength);
  if (shorter === 0) return 'empty';
  if (longer > options.maximumLength) return 'long';
  if (longer > options.balancedUpTo && longer > options.maximumRatio * shorter) return 'unbalanced';
  return undefined;
}

export function emptyReport(): FilterReport {
  return {
    read: 0,
    kept: 0,
    dropped: {
      encoding: { count: 0 },
      spaces: { count: 0 },
      columns: { count: 0 },
      empty: { count: 0 },
      long: { count: 0 },
      unbalanced: { count: 0 },
    },
  };
}

/** Notes a line of a text that had to be left out. */
export function dropLine(report: FilterReport, file: string, line: number, reason: DropReason): void {
  const dropped = report.dropped[reason];
  if (dropped.count++ === 0) Object.assign(dropped, { firstLine: line, firstFile: file });
}

/** Counts one more line, kept or dropped. */
export function countLine(report: FilterReport, line: number, reason: DropReason | undefined): void {
  report.read++;
  if (reason === undefined) {
    report.kept++;
    return;
  }
  const dropped = report.dropped[reason];
  dropped.count++;
  dropped.firstLine ??= line;
}

const wordings: Record<DropReason, string> = {
  encoding: 'not valid UTF-8',
  spaces: 'without a tab but with several spaces in a row',
  columns: 'not two columns',
  empty: 'empty on one side',
  long: 'longer than data.maximumLength',
  unbalanced: 'more uneven than data.maximumRatio',
};

const remedies: Record<DropReason, string> = {
  encoding: 'convert the file to UTF-8, for example with `iconv -f LATIN1 -t UTF-8`',
  spaces: 'are these spaces for tabs? Put one tab between source and target',
  columns: 'put one tab between source and target, and none within them',
  empty: 'check that both sides have text',
  long: 'raise data.maximumLength',
  unbalanced: 'check that the sides belong together, or raise data.maximumRatio',
};

/** The error for a corpus of which nothing is left: why, and what to do about the reason for which most were dropped. */
export function noUsablePair(where: string, report: FilterReport): DecadeError {
  const [commonest = 'empty'] = [...dropReasons].sort((a, b) => report.dropped[b].count - report.dropped[a].count);
  return new DecadeError('input', {
    where,
    received: report.read === 0 ? 'no lines' : `no usable pair: ${describeReport(report)}`,
    allowed: 'at least one pair',
    next: report.dropped[commonest].count === 0 ? 'check the path' : remedies[commonest],
  });
}

/** Whether anything was left out. */
export function isIncomplete({ read, kept, dropped }: FilterReport): boolean {
  return kept < read || dropReasons.some((reason) => dropped[reason].count > 0);
}

/** One line for people: `kept 980 of 1,000 pairs; dropped 15 empty on one side (first at line 3)`. */
export function describeReport(report: FilterReport, what: 'pairs' | 'documents' = 'pairs'): string {
  const figure = (count: number): string => count.toLocaleString('en-US');
  const parts = dropReasons.flatMap((reason) => {
    const { count, firstLine, firstFile } = report.dropped[reason];
    const question = reason === 'spaces' ? ': are these spaces for tabs?' : '';
    return firstLine === undefined
      ? []
      : [
          `${figure(count)} ${wordings[reason]} (first at line ${figure(firstLine)}${firstFile === undefined ? '' : ` of ${firstFile}`}${question})`,
        ];
  });
  const kept = `kept ${figure(report.kept)} of ${figure(report.read)} ${what}`;
  return parts.length === 0 ? kept : `${kept}; dropped ${parts.join(', ')}`;
}
