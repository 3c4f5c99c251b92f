import type { LossPoint } from './law.js';
import { fewestPoints, type FittedLine, fitLine, type MeasuredPoint } from './line.js';
import { computeOf } from './optimum.js';

/** What loss is a power of, nothing else being scarce. */
export const scarcities = ['size', 'data', 'compute'] as const;
export type Scarcity = (typeof scarcities)[number];

export interface FittedPowerLaw {
  readonly points: readonly MeasuredPoint[];
  readonly line: FittedLine;
}

/** Exponents of Kaplan et al. (2020, section 1.2), for L = (c / x)^exponent. */
export const kaplanExponents: Readonly<Record<Scarcity, number>> = { size: 0.076, data: 0.095, compute: 0.05 };

/**
 * L(N), L(D) and L(C) without an irreducible part (Kaplan et al. 2020, equations 1.1 to 1.3), each of the runs in which the others are
 * not scarce: all sizes on the most data; the largest size on all data; and what no run with less compute reaches. Where there are too
 * few such runs, there is no law.
 */
export function powerLawsOf(points: readonly LossPoint[]): Partial<Record<Scarcity, FittedPowerLaw>> {
  const most = Math.max(...points.map(({ tokens }) => tokens));
  const largest = Math.max(...points.map(({ parameters }) => parameters));
  const laws = {
    size: lawThrough(
      points.filter(({ tokens }) => tokens > 0.99 * most),
      ({ parameters }) => parameters,
    ),
    data: lawThrough(
      points.filter(({ parameters }) => parameters > 0.99 * largest),
      ({ tokens }) => tokens,
    ),
    compute: lawThrough(frontier(points), computeOf),
  };
  return Object.fromEntries(Object.entries(laws).filter(([, law]) => law !== undefined));
}

function lawThrough(points: readonly LossPoint[], of: (point: LossPoint) => number): FittedPowerLaw | undefined {
  const measured = points.map((point) => ({ name: point.name, x: of(point), y: point.loss }));
  if (measured.length < fewestPoints || new Set(measured.map(({ x }) => x)).size < fewestPoints) return undefined;
  return { points: measured, line: fitLine(measured, Math.log) };
}

/** Runs better than every run with less compute, or as much. */
export function frontier(points: readonly LossPoint[]): LossPoint[] {
  const ordered = [...points].sort((a, b) => computeOf(a) - computeOf(b) || a.loss - b.loss);
  let least = Number.POSITIVE_INFINITY;
  return ordered.filter(({ loss }) => {
    if (!(loss < least)) return false;
    least = loss;
    return true;
  });
}
