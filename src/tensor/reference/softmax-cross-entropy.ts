import type { losses } from '../operations/index.js';
import { at, dimension, plain, softmax, timesTransposed, type ReferenceOfLoss } from './plain.js';

export const softmaxCrossEntropy: ReferenceOfLoss<typeof losses.softmaxCrossEntropy> = (
  { input, weight, bias, targets },
  { smoothing },
) => {
  const logits = timesTransposed(input, weight);
  const [rows, vocabulary] = [dimension(logits, 0), dimension(logits, 1)];
  const result = { losses: plain([rows]), logProbabilities: plain([rows]) };
  for (let row = 0; row < rows; row++) {
    const scores = Array.from({ length: vocabulary }, (_, token) => at(logits, row, token) + (bias.values[token] as number));
    const logProbabilities = softmax(scores).map(Math.log);
    const target = logProbabilities[targets.values[row] as number] as number;
    const mean = logProbabilities.reduce((sum, value) => sum + value, 0) / vocabulary;
    result.losses.values[row] = -(1 - smoothing) * target - smoothing * mean;
    result.logProbabilities.values[row] = target;
  }
  return result;
};
