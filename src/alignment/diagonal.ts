/**
 * Where a word comes from when nothing is known of the words: from near the diagonal (Dyer, Chahuneau and Smith 2013). For word i of
 * m that are written and word j of n that are given, both counted from 1:
 *
 *     h(i, j) = -|i / m - j / n|        weight(i, j) = exp(tension h(i, j))        P(j | i, m, n) = weight(i, j) / Z(i)
 */
export function diagonalFeature(i: number, j: number, m: number, n: number): number {
  return -Math.abs(i / m - j / n);
}

/** The given words up to the diagonal, from which weights fall on both sides by the same ratio. */
function lastAbove(i: number, m: number, n: number): number {
  return Math.floor((i * n) / m);
}

/** Writes P(j | i, m, n) of all j, the first at place 0. */
export function diagonalProbabilities(i: number, m: number, n: number, tension: number, into: Float64Array): void {
  const ratio = Math.exp(-tension / n);
  const last = lastAbove(i, m, n);
  let sum = 0;
  if (last > 0) {
    let weight = Math.exp(tension * diagonalFeature(i, last, m, n));
    for (let j = last; j > 0; j--, weight *= ratio) sum += into[j - 1] = weight;
  }
  if (last < n) {
    let weight = Math.exp(tension * diagonalFeature(i, last + 1, m, n));
    for (let j = last + 1; j <= n; j++, weight *= ratio) sum += into[j - 1] = weight;
  }
  const scale = 1 / sum;
  for (let j = 0; j < n; j++) into[j] = (into[j] as number) * scale;
}

/** The mean of h(i, j) over j, by which the tension is judged: two geometric series instead of a sum over j. */
export function expectedFeature(i: number, m: number, n: number, tension: number): number {
  const ratio = Math.exp(-tension / n);
  const last = lastAbove(i, m, n);
  const above = series(last, diagonalFeature(i, last, m, n), -1 / n, ratio, tension);
  const below = series(n - last, diagonalFeature(i, last + 1, m, n), -1 / n, ratio, tension);
  return (above.features + below.features) / (above.weights + below.weights);
}

/** Sums over k from 0 to before `terms` of exp(tension h_k) and of h_k exp(tension h_k), where h_k = first + k step and ratio = exp(tension step). */
function series(terms: number, first: number, step: number, ratio: number, tension: number): { weights: number; features: number } {
  if (terms === 0) return { weights: 0, features: 0 };
  const start = Math.exp(tension * first);
  const left = 1 - ratio;
  const power = ratio ** terms;
  const weights = (start * (1 - power)) / left;
  // Sum of k r^k.
  const ranks = (start * (ratio - terms * power + (terms - 1) * power * ratio)) / (left * left);
  return { weights, features: first * weights + step * ranks };
}
