/** Student's t distribution: how far a mean that was estimated from few values may lie from the true one. */

/** How likely a value at least so far from 0, on either side, is. `degrees`: of freedom, at least 1. */
export function twoSidedProbability(t: number, degrees: number): number {
  if (!Number.isFinite(t)) return Number.isNaN(t) ? Number.NaN : 0;
  return regularisedBeta(degrees / (degrees + t * t), degrees / 2, 1 / 2);
}

/** How far from 0, on either side, values lie with this probability. Found by bisection of `twoSidedProbability`. */
export function twoSidedQuantile(probability: number, degrees: number): number {
  let [low, high] = [0, 1];
  while (twoSidedProbability(high, degrees) > probability) high *= 2;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (twoSidedProbability(middle, degrees) > probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 1964, 26.5.8) in Lentz's form;
 * on the other side of the mean by symmetry, where the fraction converges quickly.
 */
function regularisedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - regularisedBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 1_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    const before = fraction;
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(fraction / before - 1) < 1e-15) break;
  }
  return front * fraction;
}

/** ln Γ(x) for x > 0: Stirling's series (Abramowitz and Stegun 1964, 6.1.41) where it errs by less than 1e-12, reached by recurrence. */
function logGamma(x: number): number {
  let [value, shift] = [x, 0];
  while (value < 12) shift += Math.log(value++);
  const inverse = 1 / (value * value);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / value;
  return (value - 0.5) * Math.log(value) - value + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
