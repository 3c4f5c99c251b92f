/** A figure, and where it lies with a confidence of 95 %; without an interval when there are too few observations. */
export interface Estimated {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/**
 * The mean of independent observations with Student's interval. With three seeds the interval is wide, and it should be.
 */
export function mean(values: readonly number[]): Estimated {
  const value = average(values);
  if (values.length < 2) return { value };
  return interval(value, Math.sqrt(variance(values) / values.length), values.length - 1);
}

/**
 * How much greater the mean of the second is than that of the first, with Welch's interval (Welch 1947), which does not take
 * the two to vary alike. Degrees of freedom are rounded down, which makes it a little wider.
 */
export function differenceOfMeans(first: readonly number[], second: readonly number[]): Estimated {
  const value = average(second) - average(first);
  if (first.length < 2 || second.length < 2) return { value };
  const [a, b] = [variance(first) / first.length, variance(second) / second.length];
  const degrees = (a + b) ** 2 / (a ** 2 / (first.length - 1) + b ** 2 / (second.length - 1));
  // Observations that are all alike have no variance to divide by.
  return interval(value, Math.sqrt(a + b), Number.isNaN(degrees) ? 1 : degrees);
}

/**
 * What the geometric mean of the second is times that of the first, with Welch's interval of the logarithms: for perplexities,
 * which are exponentials of means, so that a factor means the same for good models and bad ones.
 */
export function ratioOfMeans(first: readonly number[], second: readonly number[]): Estimated {
  return exponential(differenceOfMeans(first.map(Math.log), second.map(Math.log)));
}

/** The geometric mean of independent observations, with Student's interval of their logarithms. */
export function geometricMean(values: readonly number[]): Estimated {
  return exponential(mean(values.map(Math.log)));
}

/**
 * How much greater the second of two independent figures is than the first, from their own intervals, which need not be
 * symmetric (Zou and Donner 2008, "Construction of confidence limits about effect measures"). Without an interval unless
 * both have one.
 */
export function differenceOfEstimates(first: Estimated, second: Estimated): Estimated {
  const value = second.value - first.value;
  if (first.low === undefined || first.high === undefined || second.low === undefined || second.high === undefined) return { value };
  return {
    value,
    low: value - Math.hypot(second.value - second.low, first.high - first.value),
    high: value + Math.hypot(second.high - second.value, first.value - first.low),
  };
}

/** Without what cannot be: the interval of a score from 0 to 100 ends there. */
export function within({ value, low, high }: Estimated, least: number, greatest: number): Estimated {
  return low === undefined || high === undefined ? { value } : { value, low: Math.max(least, low), high: Math.min(greatest, high) };
}

/** The mean of differences between pairs that share what they vary by, such as two searches by the same models. */
export function meanDifference(first: readonly number[], second: readonly number[]): Estimated {
  return mean(second.map((value, index) => value - (first[index] as number)));
}

function exponential({ value, low, high }: Estimated): Estimated {
  const centre = { value: Math.exp(value) };
  return low === undefined || high === undefined ? centre : { ...centre, low: Math.exp(low), high: Math.exp(high) };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const centre = average(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}

function interval(value: number, standardError: number, degrees: number): Estimated {
  const quantile = studentQuantiles[Math.min(studentQuantiles.length, Math.max(1, Math.floor(degrees))) - 1] as number;
  return { value, low: value - quantile * standardError, high: value + quantile * standardError };
}

/** The 97.5 % quantile of Student's distribution for 1 to 30 degrees of freedom; more are counted as 30. */
const studentQuantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086,
  2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
