/**
 * A translation whose tokens are less probable than this, in the geometric mean, is one that the model is not sure of: on average
 * it finds it more likely that another token is right.
 */
export const unsureBelow = 0.4;

/** The geometric mean of probabilities, given their logarithms; 1 for none. */
export function meanProbabilityOf(logProbabilities: Float32Array): number {
  return Math.exp(logProbabilities.reduce((sum, value) => sum + value, 0) / Math.max(1, logProbabilities.length));
}
