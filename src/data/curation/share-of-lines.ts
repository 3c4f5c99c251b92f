import * as z from 'zod';

const percentage = /^(\d+(?:\.\d+)?)%$/;

/** `10%` as 0.1; undefined for what is no share of the lines, or more than all. */
export function shareOf(given: unknown): number | undefined {
  const [, percent] = typeof given === 'string' ? (percentage.exec(given) ?? []) : [];
  const share = percent === undefined ? undefined : Number(percent) / 100;
  return share !== undefined && share <= 1 ? share : undefined;
}

/** @param expected  what the option takes, for the error: a share is one of several forms */
export function shareOfLines(expected: string): z.ZodString {
  return z.string().refine((text) => shareOf(text) !== undefined, expected);
}
