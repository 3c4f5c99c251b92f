// The portable matrix product, after Goto & van de Geijn 2008 ("Anatomy of High-Performance Matrix Multiplication").
// B is packed into panels of eight columns, cut into stretches of `depthBlock` rows, so that a panel stays in the
// first-level cache while A passes by, packed into groups of six or four rows:
//
//     panel of B  [depth][8]        group of A  [depth][6]        C[6, 8] += group x panel
//
// An element of C is summed in the same order whatever the number of rows and columns and wherever B is packed: within a
// stretch of depth in order, then stretch by stretch. So a row's result is the same alone and in a batch.
import { multiplyBlock, multiplyFewRows, tileBytes } from './micro-kernels';
import { packA, packB, packedRows, roundUp } from './packing';

/** Length of a stretch of depth: a panel of B is 8 KiB. */
const depthBlock: usize = 256;
/** Columns of B packed at a time, to stay in the second-level cache (512 KiB) ... */
const columnBlock: usize = 512;
/** ... and for few rows, to be used while still in the first-level cache. */
const narrowColumnBlock: usize = 32;
const fewRows: usize = 16;
/** Rows of A that pass by a panel before the next panel (132 KiB): whole groups, of six rows and of four. */
const rowBlock: usize = 132;
/** Up to this many rows a B that is not transposed is used where it is: packing costs more than it gains. */
const unpackedRows: usize = 2;

// @ts-ignore: decorator
@inline
function columnsAtOnce(m: usize): usize {
  return m <= fewRows ? narrowColumnBlock : columnBlock;
}

export function matrixScratchBytes(m: usize, n: usize, k: usize): f64 {
  const rows = packedRows(min(m, rowBlock));
  const columns = roundUp(min(n, columnBlock), 8);
  return <f64>(tileBytes + (((rows + columns) * min(k, depthBlock)) << 2));
}

export function matrixMultiply(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  transposeA: bool,
  strideA: usize,
  b: usize,
  transposeB: bool,
  strideB: usize,
  c: usize,
  strideC: usize,
  accumulate: bool,
  scratch: usize,
): void {
  const rowBytesA = strideA << 2;
  const rowBytesB = strideB << 2;
  const rowBytes = strideC << 2;
  if (k == 0 && !accumulate) clearRows(c, rowBytes, m, n);
  const columnStep = columnsAtOnce(m);
  for (let depth: usize = 0; depth < k; depth += depthBlock) {
    const depths = min(depthBlock, k - depth);
    const groups = scratch + tileBytes;
    const panels = groups + ((packedRows(min(m, rowBlock)) * depths) << 2);
    const adds = accumulate || depth > 0;
    if (m <= rowBlock) packA(groups, a, transposeA, rowBytesA, 0, depth, m, depths);
    for (let column: usize = 0; column < n; column += columnStep) {
      const columns = min(columnStep, n - column);
      const unpacked = m <= unpackedRows && !transposeB && (columns & 7) == 0;
      if (!unpacked) packB(panels, b, transposeB, rowBytesB, depth, column, depths, columns);
      for (let row: usize = 0; row < m; row += rowBlock) {
        const rows = min(rowBlock, m - row);
        const target = c + row * rowBytes + (column << 2);
        if (m > rowBlock) packA(groups, a, transposeA, rowBytesA, row, depth, rows, depths);
        const rowsOfB = b + depth * rowBytesB + (column << 2);
        if (unpacked) multiplyFewRows(rows, columns, depths, groups, rowsOfB, 32, rowBytesB, target, rowBytes, scratch, adds);
        else multiplyBlock(rows, columns, depths, groups, panels, target, rowBytes, scratch, adds);
      }
    }
  }
}

export function matrixPackedBytes(n: usize, k: usize): f64 {
  return <f64>((roundUp(n, 8) * k) << 2);
}

export function matrixPack(n: usize, k: usize, b: usize, transposeB: bool, strideB: usize, packed: usize): void {
  const rowBytes = roundUp(n, 8) << 2;
  for (let depth: usize = 0; depth < k; depth += depthBlock) {
    packB(packed + depth * rowBytes, b, transposeB, strideB << 2, depth, 0, min(depthBlock, k - depth), n);
  }
}

export function matrixMultiplyPacked(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  strideA: usize,
  packed: usize,
  c: usize,
  strideC: usize,
  accumulate: bool,
  scratch: usize,
): void {
  const rowBytes = strideC << 2;
  if (k == 0 && !accumulate) clearRows(c, rowBytes, m, n);
  const packedRowBytes = roundUp(n, 8) << 2;
  for (let depth: usize = 0; depth < k; depth += depthBlock) {
    const depths = min(depthBlock, k - depth);
    const panels = packed + depth * packedRowBytes;
    for (let row: usize = 0; row < m; row += rowBlock) {
      const rows = min(rowBlock, m - row);
      const groups = scratch + tileBytes;
      packA(groups, a, false, strideA << 2, row, depth, rows, depths);
      multiplyBlock(rows, n, depths, groups, panels, c + row * rowBytes, rowBytes, scratch, accumulate || depth > 0);
    }
  }
}

function clearRows(c: usize, rowBytes: usize, rows: usize, columns: usize): void {
  for (let row: usize = 0; row < rows; row++) memory.fill(c + row * rowBytes, 0, columns << 2);
}
