import { type FittedTable, mostCompared } from './fit.js';
import type { SlopeDifference } from './line.js';

/** Points without a group are all. */
export function groupName(name: string): string {
  return name === '' ? 'all points' : name;
}

export function slopeName({ isLogarithmic }: Pick<FittedTable, 'isLogarithmic'>): 'exponent' | 'slope' {
  return isLogarithmic ? 'exponent' : 'slope';
}

/** Four decimals; of large and very small figures four digits. */
export function inDecimals(value: number): string {
  const size = Math.abs(value);
  const text = value === 0 || (size >= 0.01 && size < 1_000) ? value.toFixed(4) : value.toPrecision(4);
  return text.replace('-', '−');
}

/** `−8.6`; `∞` of a point beside a line that all others are on. */
export function inDeviations(value: number): string {
  return (Number.isFinite(value) ? value.toFixed(1) : `${value < 0 ? '-' : ''}∞`).replace('-', '−');
}

/** `−8.6 deviations` */
export function describeDeviations(value: number): string {
  return Number.isFinite(value) ? `${inDeviations(value)} deviations` : 'all others are on the line';
}

/** `1,000 groups: every two are compared up to 50`; undefined of fewer. */
export function whyNotCompared({ groups }: Pick<FittedTable, 'groups'>): string | undefined {
  return groups.length > mostCompared
    ? `${groups.length.toLocaleString('en-US')} groups: every two are compared up to ${mostCompared}`
    : undefined;
}

/** R²; of what does not vary it is not defined. */
export function inShares(explained: number): string {
  return Number.isNaN(explained) ? '–' : explained.toFixed(3);
}

/** `.0227`, `< .0001` */
export function describeProbability(probability: number): string {
  if (probability < 0.0001) return '< .0001';
  return probability.toFixed(4).replace(/^0/, '');
}

/** `t 4.23 on 15.4 degrees of freedom, p .0007` */
export function describeDifference({ t, degrees, probability }: SlopeDifference): string {
  const p = describeProbability(probability);
  return `t ${Number.isFinite(t) ? t.toFixed(2).replace('-', '−') : '∞'} on ${Number(degrees.toFixed(1))} degrees of freedom, p ${p}`;
}
