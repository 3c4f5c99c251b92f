import { z } from 'zod';

/** Which pairs are worth training on. Lengths are in tokens, `</s>` not counted. */
export const filterOptions = z.strictObject({
  /** Pairs with more tokens than this on either side are dropped. */
  maximumLength: z.int().min(1).max(65_535).default(100),
  /** Pairs with a side more than this many times as long as the other are dropped. */
  maximumRatio: z.number().min(1).default(9),
  /** Pairs with no side longer than this are never called unbalanced: `Hi` may well take ten characters elsewhere. */
  balancedUpTo: z.int().min(0).default(20),
});
export type FilterOptions = z.output<typeof filterOptions>;

export const dropReasons = ['encoding', 'columns', 'empty', 'long', 'unbalanced'] as const;
/**
 * Why a pair was dropped: a line that is not valid UTF-8, a line without two columns, a side without a token, a side
 * with too many, sides of too different lengths.
 */
export type DropReason = (typeof dropReasons)[number];

export interface FilterReport {
  /** Lines read. */
  read: number;
  /** Pairs kept. */
  kept: number;
  /** For each reason how many were dropped, and the line number of the first (absent for none). */
  dropped: Record<DropReason, { count: number; firstLine?: number }>;
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
    dropped: { encoding: { count: 0 }, columns: { count: 0 }, empty: { count: 0 }, long: { count: 0 }, unbalanced: { count: 0 } },
  };
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
  columns: 'not two columns',
  empty: 'empty',
  long: 'too long',
  unbalanced: 'unbalanced',
};

/** One line for people: `kept 980 of 1,000 pairs; dropped 15 empty (first at line 3), 5 too long (first at line 40)`. */
export function describeReport(report: FilterReport): string {
  const figure = (count: number): string => count.toLocaleString('en-US');
  const parts = dropReasons.flatMap((reason) => {
    const { count, firstLine } = report.dropped[reason];
    return firstLine === undefined ? [] : [`${figure(count)} ${wordings[reason]} (first at line ${figure(firstLine)})`];
  });
  const kept = `kept ${figure(report.kept)} of ${figure(report.read)} pairs`;
  return parts.length === 0 ? kept : `${kept}; dropped ${parts.join(', ')}`;
}
