/** Bytes of scratch for a tile, before the rows of activations. */
export const integerTileBytes = 128;

/** The kernels of products with weights in 8-bit integers; as for all, see `Kernels`. Results are the same bits on every engine. */
export interface IntegerKernels {
  // --- integers.ts -----------------------------------------------------------------------------------------------

  /** Bytes of n rows of weights, packed. */
  integerPackedBytes(n: number, k: number): number;
  /** B[n,k], rows `strideB` floats apart, in integers with a scale per row, max |row| / 127. */
  integerPack(n: number, k: number, b: number, strideB: number, packed: number): void;
  /** Bytes of a tile, `integerTileBytes`, and then of the activations of m rows. */
  integerScratchBytes(m: number, k: number): number;
  /** A[m,k], rows `strideA` floats apart, in integers of 7 bits with a scale and a zero for each row. */
  integerRows(m: number, k: number, a: number, strideA: number, rows: number): void;
  /** Whether `integerMultiply` uses the relaxed product of bytes; without effect where the module has none. At first it does not. */
  useByteDots(use: number): void;
  /** C[m,n] = (accumulate ? C : 0) + A Bᵀ, of what `integerRows` and `integerPack` made; k at most 2^17. */
  integerMultiply(
    m: number,
    n: number,
    k: number,
    rows: number,
    packed: number,
    c: number,
    strideC: number,
    accumulate: number,
    tile: number,
  ): void;
}
