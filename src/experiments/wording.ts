import type { Estimated } from '../analysis/examination/means.js';

/**
 * Whether an interval confirms an effect of the paper.
 *
 * @param none   the value that means no effect: 0 for differences, 1 for factors
 * @param paper  on which side of it the paper's effect lies
 */
export function verdict(
  { low, high }: Estimated,
  none: number,
  paper: 'above' | 'below',
): 'as in the paper' | 'unlike the paper' | 'inconclusive' {
  if (low === undefined || high === undefined) return 'inconclusive';
  if (low > none) return paper === 'above' ? 'as in the paper' : 'unlike the paper';
  if (high < none) return paper === 'below' ? 'as in the paper' : 'unlike the paper';
  return 'inconclusive';
}

/** The number of trainings of each kind behind a conclusion. */
export function seedsWritten(seeds: number): string {
  return seeds === 1 ? 'one seed' : `${seeds} seeds`;
}

/** `12.3`, and its interval when there is one: `12.3 (11.9 to 12.7)`. */
export function written({ value, low, high }: Estimated, digits: number): string {
  const text = value.toFixed(digits);
  return low === undefined || high === undefined ? text : `${text} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

/** `× 0.85 (0.80 to 0.89)` */
export function factor(estimate: Estimated, digits = 2): string {
  return `× ${written(estimate, digits)}`;
}

/** `+1.2`, and its interval when there is one: `+1.2 (−0.1 to +2.5)`. */
export function change({ value, low, high }: Estimated, digits: number): string {
  const text = signed(value, digits);
  return low === undefined || high === undefined ? text : `${text} (${signed(low, digits)} to ${signed(high, digits)})`;
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  // A value that is rounded to 0 gets no minus sign.
  return `${value < 0 && Number(text) !== 0 ? '−' : '+'}${text}`;
}
