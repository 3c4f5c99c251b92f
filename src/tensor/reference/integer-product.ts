import { at, dimension, type Plain, plain } from './plain.js';

const most = 127;

/**
 * left [m, k] times the transpose of right [n, k], in integers: rows of right in 8 bits, rows of left in 7. What is rounded is rounded to
 * f32 here, too, because the nearest integer depends on it: the same bits.
 */
export function timesTransposedIntegers(left: Plain, right: Plain): Plain {
  const [m, k, n] = [dimension(left, 0), dimension(left, 1), dimension(right, 0)];
  const product = plain([m, n]);
  const weights = Array.from({ length: n }, (_, row) => {
    const values = rowOf(right, row, k);
    const largest = Math.max(0, ...values.map(Math.abs));
    return { scale: Math.fround(largest / most), integers: values.map((value) => rounded(value, stepsOf(largest))) };
  });
  for (let row = 0; row < m; row++) {
    const values = rowOf(left, row, k);
    const [lowest, highest] = [Math.min(0, ...values), Math.max(0, ...values)];
    const range = Math.fround(highest - lowest);
    const zero = rounded(-lowest, stepsOf(range));
    const integers = values.map((value) => Math.min(most, Math.max(0, rounded(value, stepsOf(range)) + zero)));
    for (const [column, weight] of weights.entries()) {
      const sum = weight.integers.reduce((total, integer, index) => total + integer * ((integers[index] ?? 0) - zero), 0);
      product.values[row * n + column] = Math.fround(Math.fround(Math.fround(sum) * Math.fround(range / most)) * weight.scale);
    }
  }
  return product;
}

function rowOf(matrix: Plain, row: number, columns: number): number[] {
  return Array.from({ length: columns }, (_, column) => at(matrix, row, column));
}

function stepsOf(range: number): number {
  return range < Math.fround(1e-30) ? 0 : Math.fround(most / range);
}

/** To the nearest integer, of two to the even one. */
function rounded(value: number, steps: number): number {
  const exact = Math.fround(value * steps);
  const below = Math.floor(exact);
  const rest = exact - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
