import type { losses } from '../operations/index.js';
import { at, dimension, plain, softmax, timesTransposed, type ReferenceOfLoss } from './plain.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';

export const consistentCrossEntropy: ReferenceOfLoss<typeof losses.consistentCrossEntropy> = (
  { input, twin, weight, bias, targets },
  { consistency, ...attributes },
) => {
  const [own, other] = [input, twin].map((each) => softmaxCrossEntropy({ input: each, weight, bias, targets }, attributes)) as [
    ReturnType<typeof softmaxCrossEntropy>,
    ReturnType<typeof softmaxCrossEntropy>,
  ];
  const [logits, twinLogits] = [timesTransposed(input, weight), timesTransposed(twin, weight)];
  const [rows, vocabulary] = [dimension(logits, 0), dimension(logits, 1)];
  const result = { losses: plain([rows]), logProbabilities: plain([rows]) };
  const mean = (first: typeof own.losses, second: typeof own.losses, row: number) =>
    ((first.values[row] as number) + (second.values[row] as number)) / 2;
  for (let row = 0; row < rows; row++) {
    const [p, q] = [logits, twinLogits].map((scores) =>
      softmax(Array.from({ length: vocabulary }, (_, token) => at(scores, row, token) + (bias.values[token] as number))),
    ) as [number[], number[]];
    // KL(p || q) + KL(q || p) = sum (p - q) log(p / q)
    const divergence = p.reduce((sum, value, token) => sum + (value - (q[token] as number)) * Math.log(value / (q[token] as number)), 0);
    result.losses.values[row] = mean(own.losses, other.losses, row) + (consistency * divergence) / 4;
    result.logProbabilities.values[row] = mean(own.logProbabilities, other.logProbabilities, row);
  }
  return result;
};
