// Small products of matrices that lie in a head's scratch or in columns of a larger matrix: nothing is packed.
import { moveTile } from './micro-kernels';
import { madd, zero } from './math';

// @ts-ignore: decorator
@inline
function storeSums(c: usize, low: v128, high: v128, adds: bool): void {
  v128.store(c, adds ? f32x4.add(v128.load(c), low) : low);
  v128.store(c, adds ? f32x4.add(v128.load(c, 16), high) : high, 16);
}

/** C[rows, 8] = A B, or C += A B, for one to four rows of A, which lie `aRow` bytes apart. */
function tileOfRows(rows: usize, depths: usize, a: usize, aRow: usize, b: usize, bStep: usize, c: usize, cRow: usize, adds: bool): void {
  // Rows that do not exist are the last that does.
  let a0 = a;
  let a1 = rows > 1 ? a0 + aRow : a0;
  let a2 = rows > 2 ? a1 + aRow : a1;
  let a3 = rows > 3 ? a2 + aRow : a2;
  let from = b;
  let sum00 = zero();
  let sum01 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum20 = zero();
  let sum21 = zero();
  let sum30 = zero();
  let sum31 = zero();
  for (let p = depths; p > 0; p--) {
    const b0 = v128.load(from);
    const b1 = v128.load(from, 16);
    let value = v128.load32_splat(a0);
    sum00 = madd(value, b0, sum00);
    sum01 = madd(value, b1, sum01);
    value = v128.load32_splat(a1);
    sum10 = madd(value, b0, sum10);
    sum11 = madd(value, b1, sum11);
    value = v128.load32_splat(a2);
    sum20 = madd(value, b0, sum20);
    sum21 = madd(value, b1, sum21);
    value = v128.load32_splat(a3);
    sum30 = madd(value, b0, sum30);
    sum31 = madd(value, b1, sum31);
    a0 += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    from += bStep;
  }
  storeSums(c, sum00, sum01, adds);
  if (rows > 1) storeSums(c + cRow, sum10, sum11, adds);
  if (rows > 2) storeSums(c + 2 * cRow, sum20, sum21, adds);
  if (rows > 3) storeSums(c + 3 * cRow, sum30, sum31, adds);
}

/** The same with A transposed: its rows lie side by side, steps of depth `aStep` bytes apart. */
function tileOfColumns(
  rows: usize,
  depths: usize,
  a: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cRow: usize,
  adds: bool,
): void {
  let at = a;
  let from = b;
  let sum00 = zero();
  let sum01 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum20 = zero();
  let sum21 = zero();
  let sum30 = zero();
  let sum31 = zero();
  for (let p = depths; p > 0; p--) {
    const b0 = v128.load(from);
    const b1 = v128.load(from, 16);
    let value = v128.load32_splat(at);
    sum00 = madd(value, b0, sum00);
    sum01 = madd(value, b1, sum01);
    value = v128.load32_splat(at, 4);
    sum10 = madd(value, b0, sum10);
    sum11 = madd(value, b1, sum11);
    value = v128.load32_splat(at, 8);
    sum20 = madd(value, b0, sum20);
    sum21 = madd(value, b1, sum21);
    value = v128.load32_splat(at, 12);
    sum30 = madd(value, b0, sum30);
    sum31 = madd(value, b1, sum31);
    at += aStep;
    from += bStep;
  }
  storeSums(c, sum00, sum01, adds);
  if (rows > 1) storeSums(c + cRow, sum10, sum11, adds);
  if (rows > 2) storeSums(c + 2 * cRow, sum20, sum21, adds);
  if (rows > 3) storeSums(c + 3 * cRow, sum30, sum31, adds);
}

/** Up to four rows of a product, of any number of columns; of those after the last whole eight B has zeros, and C has no room. */
// @ts-ignore: decorator
@inline
export function multiplyRows(
  transposed: bool,
  rows: usize,
  columns: usize,
  depths: usize,
  a: usize,
  aStep: usize,
  b: usize,
  bPanel: usize,
  bStep: usize,
  c: usize,
  cRow: usize,
  tile: usize,
  adds: bool,
): void {
  for (let column: usize = 0; column < columns; column += 8) {
    const panel = b + (column >> 3) * bPanel;
    const target = c + (column << 2);
    const isWhole = column + 8 <= columns;
    const to = isWhole ? target : tile;
    const toRow = isWhole ? cRow : 32;
    const addsThere = isWhole ? adds : false;
    if (transposed) tileOfColumns(rows, depths, a, aStep, panel, bStep, to, toRow, addsThere);
    else tileOfRows(rows, depths, a, aStep, panel, bStep, to, toRow, addsThere);
    if (!isWhole) moveTile(tile, target, cRow, rows, columns - column, adds);
  }
}
