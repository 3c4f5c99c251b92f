/** A matrix lies row after row; its rows are as long as the vector that they meet. */
type Matrix = ArrayLike<number>;

/** Adds a row of a matrix. */
export function addRow(sum: Float64Array, matrix: Matrix, row: number): void {
  for (let column = 0; column < sum.length; column++) (sum[column] as number) += matrix[row * sum.length + column] as number;
}

/** The product of a vector and a row of a matrix. */
export function rowProduct(vector: Float64Array, matrix: Matrix, row: number): number {
  let sum = 0;
  const first = row * vector.length;
  for (let column = 0; column < vector.length; column++) sum += (vector[column] as number) * (matrix[first + column] as number);
  return sum;
}
