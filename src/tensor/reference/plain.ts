import type { Loss, Operation, Tensors } from '../operation.js';
import type { Shape } from '../tensor.js';

/** A tensor of the reference: float64, outside any memory. */
export interface Plain {
  readonly shape: Shape;
  readonly values: Float64Array;
}

export type PlainTensors<T extends Tensors> = { readonly [Name in keyof T]: undefined extends T[Name] ? Plain | undefined : Plain };

/** The plain twin of an operation's forward pass. Its gradient is checked by finite differences of this. */
export type Reference<Inputs extends Tensors, Attributes, Outputs extends Tensors> = (
  inputs: PlainTensors<Inputs>,
  attributes: Attributes,
) => PlainTensors<Outputs>;

export type ReferenceOf<O> =
  O extends Operation<infer Inputs, infer Attributes, infer Outputs, infer _Saved, infer _Sparse>
    ? Reference<Inputs, Attributes, Outputs>
    : never;

export type ReferenceOfLoss<L> =
  L extends Loss<infer Inputs, infer Attributes, infer Outputs> ? Reference<Inputs, Attributes, Outputs> : never;

export function plain(shape: Shape, values?: ArrayLike<number>): Plain {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return { shape, values: values === undefined ? new Float64Array(size) : Float64Array.from(values) };
}

export function dimension(tensor: Plain, index: number): number {
  return tensor.shape[index] as number;
}

/** The value at [row, column] of a matrix, or at [column] of a vector when row is 0. */
export function at(tensor: Plain, row: number, column: number): number {
  return tensor.values[row * (tensor.shape.at(-1) as number) + column] as number;
}

/** left [m, k] times the transpose of right [n, k]. */
export function timesTransposed(left: Plain, right: Plain): Plain {
  const [m, k, n] = [dimension(left, 0), dimension(left, 1), dimension(right, 0)];
  const product = plain([m, n]);
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let index = 0; index < k; index++) sum += at(left, row, index) * at(right, column, index);
      product.values[row * n + column] = sum;
    }
  }
  return product;
}

export function softmax(scores: readonly number[]): number[] {
  const greatest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - greatest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}
