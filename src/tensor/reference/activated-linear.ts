import type { operations } from '../operations/index.js';
import { at, dimension, plain, timesTransposed, type ReferenceOf } from './plain.js';

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** The distribution function of the normal distribution: its integral from 0 by a series. */
function normalDistribution(x: number): number {
  if (x < 0) return 1 - normalDistribution(-x);
  if (x > 8) return 1;
  let [term, sum] = [x, x];
  for (let odd = 3; Math.abs(term) > 1e-18 * sum; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

const functions = {
  relu: (x: number) => Math.max(x, 0),
  gelu: (x: number) => x * normalDistribution(x),
  'gelu-tanh': (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  swish: (x: number) => x * logistic(x),
};
/** What the first half of a product goes through before it multiplies the second. */
const gates = { swiglu: functions.swish, 'geglu-tanh': functions['gelu-tanh'] };

export const activatedLinear: ReferenceOf<typeof operations.activatedLinear> = ({ input, weight, bias }, { activation }) => {
  const product = timesTransposed(input, weight);
  const [rows, columns] = [dimension(product, 0), dimension(product, 1)];
  const before = (row: number, column: number) => at(product, row, column) + (bias === undefined ? 0 : at(bias, 0, column));
  const outputs = activation in gates ? columns / 2 : columns;
  const output = plain([rows, outputs]);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < outputs; column++) {
      output.values[row * outputs + column] =
        activation === 'swiglu' || activation === 'geglu-tanh'
          ? gates[activation](before(row, column)) * before(row, outputs + column)
          : functions[activation](before(row, column));
    }
  }
  return { output };
};
