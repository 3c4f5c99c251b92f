/** Arrays are given by their addresses in the kernels' memory, lists of arrays as arrays of addresses. See assembly/kernels.ts for each. */
export interface NetworkKernels {
  sumRows(y: number, list: number, rows: number, width: number): void;
  addProducts(y: number, matrix: number, x: number, rows: number, width: number): void;
  innerProducts(y: number, matrix: number, x: number, rows: number, width: number): void;
  distribution(x: number, frequencies: number, width: number): void;
  adagrad(list: number, rows: number, distance: number, gradient: number, width: number, rate: number): void;
  lstmForward(gates: number, before: number, cells: number, hidden: number, count: number): void;
  lstmBackward(gates: number, before: number, cells: number, own: number, recurrent: number, later: number, count: number): void;
  normalised(y: number, x: number, squares: number, count: number, decay: number, correction: number, scale: number): void;
  subtractOuterProduct(matrix: number, x: number, y: number, rows: number, width: number): void;
  rmsprop(
    weights: number,
    squares: number,
    x: number,
    d: number,
    rows: number,
    width: number,
    steps: number,
    rate: number,
    decay: number,
    correction: number,
  ): void;
}
