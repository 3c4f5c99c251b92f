import type { ScoreDifference, ScoreInterval } from '../analysis/examination/scored-sentences.js';

/** `[40.12, 43.90]` */
export function describeInterval({ low, high }: Pick<ScoreInterval, 'low' | 'high'>, digits = 2): string {
  return `[${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

/** `+0.51  [+0.10, +0.93]  p = 0.012` */
export function describeDifference({ score, low, high, probability }: ScoreDifference, digits = 2): string {
  const signed = (value: number) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(digits)}`;
  return `${signed(score).padStart(7)}  ${`[${signed(low)}, ${signed(high)}]`.padEnd(16)}  p = ${probability.toFixed(3)}`;
}
