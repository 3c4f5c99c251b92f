import * as z from 'zod';

const percentage = /^(\d+(?:\.\d+)?)%$/;

/** `10%` as 0.1; undefined for what is no share of the lines, or more than all. */
export function shareOf(given: unknown): number | undefined {
  const [, percent] = typeof given === 'string' ? (percentage.exec(given) ?? []) : [];
  const share = percent === undefined ? undefined : Number(percent) / 100;
  return share !== undefined && share <= 1 ? share : undefined;
}

/** How many of `lines` a share is, rounded down: 29 of 100 are 29%, although 0.29 times 100 is a little less than 29. */
export function linesOfShare(share: number, lines: number): number {
  return Math.floor(Number((share * lines).toPrecision(12)));
}

/** @param expected  what the option takes, for the error: a share is one of several forms */
export function shareOfLines(expected: string): z.ZodString {
  return z.string().refine((text) => shareOf(text) !== undefined, expected);
}
