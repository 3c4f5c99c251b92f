import type { ScoreDifference, ScoreInterval } from '../analysis/examination/scored-sentences.js';

/** `[40.12, 43.90]` */
export function describeInterval({ low, high }: Pick<ScoreInterval, 'low' | 'high'>): string {
  return `[${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

/** `+0.51  [+0.10, +0.93]  p = 0.012` */
export function describeDifference({ score, low, high, probability }: ScoreDifference): string {
  return `${signed(score).padStart(7)}  ${`[${signed(low)}, ${signed(high)}]`.padEnd(16)}  p = ${probability.toFixed(3)}`;
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`;
}
