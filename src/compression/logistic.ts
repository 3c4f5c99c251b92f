/*
 * The logistic function and its inverse in whole numbers. Built with +, −, × and / alone, which IEEE 754 rounds the same everywhere,
 * so that every engine has the same tables: the exponential of a runtime may differ in its last bit.
 */

/** Probabilities are whole numbers of 1/65,536, and never 0 or 1. */
export const one = 65_536;
export const leastProbability = 16;
export const largestProbability = one - leastProbability;

/** Log-odds are whole numbers of 1/256 nat, in -2,047..2,047. */
export const largestLogOdds = 2_047;

const probabilities = Int32Array.from({ length: 2 * largestLogOdds + 1 }, (_, place) => {
  const probability = Math.floor(one / (1 + exponential((largestLogOdds - place) / 256)));
  return Math.max(leastProbability, Math.min(largestProbability, probability));
});

/** One entry for 16 neighbouring probabilities. */
const logOdds = new Int16Array(one >> 4).fill(largestLogOdds);
for (let value = -largestLogOdds, filled = 0; value <= largestLogOdds; value++) {
  const last = (probabilities[value + largestLogOdds] as number) >> 4;
  for (; filled <= last; filled++) logOdds[filled] = value;
}

/** The probability of log-odds, which may be outside the range. */
export function squash(value: number): number {
  return probabilities[limited(value) + largestLogOdds] as number;
}

/** The log-odds of a probability below `one`. */
export function stretch(probability: number): number {
  return logOdds[probability >> 4] as number;
}

export function limited(value: number): number {
  return Math.max(-largestLogOdds, Math.min(largestLogOdds, value));
}

/** e^x by its series, of an argument that is halved until it is small and squared back. */
function exponential(x: number): number {
  let [reduced, halvings] = [x, 0];
  for (; Math.abs(reduced) > 0.5; halvings++) reduced /= 2;
  let [term, sum] = [1, 1];
  for (let n = 1; n < 20; n++) {
    term = (term * reduced) / n;
    sum += term;
  }
  for (; halvings > 0; halvings--) sum *= sum;
  return sum;
}
