/**
 * A product C = A B of small matrices, repeated for several heads. Places are byte offsets of the first values in the WebAssembly memory;
 * all else that is not a count are bytes from one to the next.
 */
export interface SmallProduct {
  /** Rows of A and C. */
  readonly rows: number;
  /** Values that a sum is made of, at least 1. */
  readonly terms: number;
  /** Columns of C: a multiple of `panelColumns`. */
  readonly columns: number;
  readonly a: number;
  readonly rowOfA: number;
  /** From one term of a row to the next, so that A may lie transposed. */
  readonly termOfA: number;
  /** In panels of `panelColumns` columns: those of `transpose`, or columns of a matrix where it is. */
  readonly b: number;
  readonly termOfB: number;
  readonly panelOfB: number;
  readonly c: number;
  readonly rowOfC: number;
  /** C += A B instead of C = A B. */
  readonly accumulate: boolean;
  /** How often, and how far apart the operands of one time are from those of the next. */
  readonly repeats: number;
  readonly nextA: number;
  readonly nextB: number;
  readonly nextC: number;
}

/**
 * Products so small that a call for each would cost as much as itself: a list of them is done in one call. Each sum is one chain of fused
 * multiply-adds, and then added where it accumulates.
 */
export interface SmallProducts {
  /** Columns of B that are multiplied at a time, a power of two. */
  readonly panelColumns: number;
  /** Puts a product on the list. What it needs may be the result of one before it. */
  add(product: SmallProduct): void;
  /** Does what is on the list. */
  run(): void;
  /**
   * At once: rows of floats become columns of panels, [length][panelColumns] each, one panel after another; columns after the last row
   * stay as they are. `rowBytes` from one row to the next.
   */
  transpose(to: number, from: number, rows: number, length: number, rowBytes: number): void;
}

/** Multiplications and additions of a product. */
export function operationsOf({ rows, columns, terms, repeats }: SmallProduct): number {
  return 2 * rows * columns * terms * repeats;
}
