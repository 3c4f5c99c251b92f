import { twoSidedProbability, twoSidedQuantile } from './student.js';

/** A point that a line is fitted to, as it was measured. */
export interface MeasuredPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** A figure with the 95 % interval around it. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
}

/** A point further from the line of all others than chance allows. */
export interface Outlier extends MeasuredPoint {
  /** How far, in deviations of the others around their line. */
  readonly deviations: number;
  /** How likely so far a point is among so many (Bonferroni). */
  readonly probability: number;
}

/**
 * y = a + b x by ordinary least squares; with logarithms of both, y = exp(a) x^b, whose exponent is b.
 */
export interface FittedLine {
  readonly points: number;
  /** b, with its interval by Student's t with `points` - 2 degrees of freedom. */
  readonly slope: Estimate;
  /** a, where x (or its logarithm) is 0. */
  readonly intercept: Estimate;
  /** Share of the variance that the line explains; not a number where nothing varies. */
  readonly explained: number;
  /** Standard deviation of the points around the line. */
  readonly scatter: number;
  /** The slope's standard error for a scatter of 1. */
  readonly slopeError: number;
  readonly outliers: readonly Outlier[];
  /** The line at a place, with the interval of its mean. */
  at(x: number): Estimate;
}

/** Fewest points whose line has an interval. */
export const fewestPoints = 3;
const confidence = 0.05;

/** Fits a line to at least three points at two or more places. `of` gives a measured value on the scale on which the line is straight. */
export function fitLine(points: readonly MeasuredPoint[], of: (value: number) => number): FittedLine {
  const count = points.length;
  // From the first point and in units of the range, so that large, small and distant figures keep their digits.
  const across = unitsOf(points.map(({ x }) => of(x)));
  const up = unitsOf(points.map(({ y }) => of(y)));
  const [xs, ys] = [across.values, up.values];
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const spread = sum(xs.map((x) => (x - meanX) ** 2));
  if (count < fewestPoints || !(spread > 0)) throw new RangeError(`a line through ${count} points with a spread of ${spread}`);
  const slope = sum(xs.map((x, place) => (x - meanX) * ((ys[place] as number) - meanY))) / spread;
  const residuals = xs.map((x, place) => (ys[place] as number) - meanY - slope * (x - meanX));
  const total = sum(ys.map((y) => (y - meanY) ** 2));
  const left = sum(residuals.map((residual) => residual ** 2));
  // What is left of points on a line is rounding.
  const unexplained = left < 1e-28 * Math.max(total, 1) ? 0 : left;
  const degrees = count - 2;
  const scatter = Math.sqrt(unexplained / degrees);
  const reach = twoSidedQuantile(confidence, degrees);
  const estimate = (value: number, standardError: number): Estimate => ({
    value,
    standardError,
    low: value - reach * standardError,
    high: value + reach * standardError,
  });
  const at = (value: number) => {
    const x = (value - across.first) / across.unit;
    const height = up.first + up.unit * (meanY + slope * (x - meanX));
    return estimate(height, up.unit * scatter * Math.sqrt(1 / count + (x - meanX) ** 2 / spread));
  };
  const steepness = up.unit / across.unit;
  return {
    points: count,
    slope: estimate(slope * steepness, (scatter / Math.sqrt(spread)) * steepness),
    intercept: at(0),
    explained: total === 0 ? Number.NaN : 1 - unexplained / total,
    scatter: scatter * up.unit,
    slopeError: 1 / (Math.sqrt(spread) * across.unit),
    outliers: outliersAmong(points, residuals, (place) => 1 / count + ((xs[place] as number) - meanX) ** 2 / spread, unexplained),
    at: (x) => at(of(x)),
  };
}

/** Values as distances from the first, in units of the greatest of these. */
function unitsOf(values: readonly number[]): { readonly first: number; readonly unit: number; readonly values: readonly number[] } {
  const [first = 0] = values;
  const unit = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value - first)), 0) || 1;
  return { first, unit, values: values.map((value) => (value - first) / unit) };
}

/**
 * Points whose externally studentised residual, t = e / (s₍ᵢ₎ √(1 - h)) with the scatter s₍ᵢ₎ around the line without the point and its
 * leverage h, is too large for the largest of so many (Cook and Weisberg 1982, section 2.2.2).
 */
function outliersAmong(
  points: readonly MeasuredPoint[],
  residuals: readonly number[],
  leverageOf: (place: number) => number,
  unexplained: number,
): Outlier[] {
  const degrees = points.length - 3;
  if (degrees < 1) return [];
  return points.flatMap((point, place) => {
    const [residual, free] = [residuals[place] as number, 1 - leverageOf(place)];
    if (!(free > 1e-9) || unexplained === 0) return [];
    const others = unexplained - residual ** 2 / free;
    // All others on one line: no deviation of theirs is as large.
    const deviations = others > 1e-12 * unexplained ? residual / Math.sqrt((others / degrees) * free) : Math.sign(residual) * Infinity;
    const probability = Math.min(1, points.length * twoSidedProbability(deviations, degrees));
    return probability < confidence ? [{ ...point, deviations, probability }] : [];
  });
}

/** Whether two lines rise equally. */
export interface SlopeDifference {
  /** Of the second slope from the first. */
  readonly difference: Estimate;
  readonly t: number;
  readonly degrees: number;
  /** How likely so large a difference would be between lines that rise equally. */
  readonly probability: number;
}

/**
 * The difference of two slopes as the interaction in one regression of both groups, whose points are taken to scatter equally
 * (analysis of covariance).
 */
export function pooledDifference(one: FittedLine, other: FittedLine): SlopeDifference {
  const [first, second] = [one.points - 2, other.points - 2];
  const pooled = Math.sqrt((one.scatter ** 2 * first + other.scatter ** 2 * second) / (first + second));
  return differenceOf(one, other, pooled * Math.hypot(one.slopeError, other.slopeError), first + second);
}

/** The same with a scatter for each group (Welch 1947, degrees of freedom by Satterthwaite's formula). */
export function separateDifference(one: FittedLine, other: FittedLine): SlopeDifference {
  const [first, second] = [one.slope.standardError ** 2, other.slope.standardError ** 2];
  const separate = (first + second) ** 2 / (first ** 2 / (one.points - 2) + second ** 2 / (other.points - 2));
  const degrees = Number.isFinite(separate) ? separate : one.points + other.points - 4;
  return differenceOf(one, other, Math.sqrt(first + second), degrees);
}

function differenceOf(one: FittedLine, other: FittedLine, standardError: number, degrees: number): SlopeDifference {
  const value = other.slope.value - one.slope.value;
  const reach = twoSidedQuantile(confidence, degrees) * standardError;
  const t = value === 0 ? 0 : value / standardError;
  return {
    difference: { value, standardError, low: value - reach, high: value + reach },
    t,
    degrees,
    probability: twoSidedProbability(t, degrees),
  };
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
