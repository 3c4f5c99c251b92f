// The portable matrix product, after Goto & van de Geijn 2008 ("Anatomy of High-Performance Matrix Multiplication"): B is
// packed into panels of eight columns, cut into stretches of `depthBlock` rows so that a panel stays in the first-level
// cache while four rows of A at a time pass by. A 4x8 micro-kernel has eight accumulators: with two vectors of B and one
// broadcast value of A, that is what fits the registers WebAssembly engines give.
//
// An element of C is summed in the same order whatever the number of rows or columns: within a stretch of depth in
// order, then stretch by stretch. So a row's result is the same alone and in a batch.
import { loadPartial, madd, storePartial, zero } from './math';

/** Rows of B in a packed stretch: a panel of it is 8 KiB. */
const depthBlock: usize = 256;
/** Columns of B that are packed at a time: 512 KiB, for the second-level cache. */
const columnBlock: usize = 512;
/** Rows of A that pass by a panel before the next panel. */
const rowBlock: usize = 128;
const panelColumns: usize = 8;

// @ts-ignore: decorator
@inline
function panels(columns: usize): usize {
  return (columns + 7) >> 3;
}

export function matrixScratchBytes(m: usize, n: usize, k: usize): f64 {
  const depth = min(k, depthBlock);
  const columns = panels(min(n, columnBlock)) << 3;
  const rows = (min(m, rowBlock) + 3) & ~3;
  return <f64>(((columns + rows) * depth) << 2);
}

export function matrixMultiply(
  m: usize,
  n: usize,
  k: usize,
  a: usize,
  transposeA: bool,
  b: usize,
  transposeB: bool,
  c: usize,
  accumulate: bool,
  scratch: usize,
): void {
  if (k == 0) {
    if (!accumulate) memory.fill(c, 0, (m * n) << 2);
    return;
  }
  for (let depth: usize = 0; depth < k; depth += depthBlock) {
    const depths = min(depthBlock, k - depth);
    const packedA = scratch + ((depths * (panels(min(n, columnBlock)) << 3)) << 2);
    const adds = accumulate || depth > 0;
    for (let column: usize = 0; column < n; column += columnBlock) {
      const columns = min(columnBlock, n - column);
      if (transposeB) packTransposedB(scratch, b + ((column * k + depth) << 2), k << 2, depths, columns);
      else packB(scratch, b + ((depth * n + column) << 2), n << 2, depths, columns);
      for (let row: usize = 0; row < m; row += rowBlock) {
        const rows = min(rowBlock, m - row);
        const target = c + ((row * n + column) << 2);
        if (transposeA) {
          packTransposedA(packedA, a + ((depth * m + row) << 2), m << 2, depths, rows);
          multiplyBlock(rows, columns, depths, packedA, depths << 4, 4, 16, scratch, target, n << 2, adds);
        } else {
          multiplyBlock(rows, columns, depths, a + ((row * k + depth) << 2), k << 4, k << 2, 4, scratch, target, n << 2, adds);
        }
      }
    }
  }
}

export function matrixPackedBytes(n: usize, k: usize): f64 {
  return <f64>(((panels(n) << 3) * k) << 2);
}

export function matrixPack(n: usize, k: usize, b: usize, transposeB: bool, packed: usize): void {
  const paddedBytes = panels(n) << 5;
  for (let depth: usize = 0; depth < k; depth += depthBlock) {
    const depths = min(depthBlock, k - depth);
    const target = packed + depth * paddedBytes;
    if (transposeB) packTransposedB(target, b + (depth << 2), k << 2, depths, n);
    else packB(target, b + ((depth * n) << 2), n << 2, depths, n);
  }
}

export function matrixMultiplyPacked(m: usize, n: usize, k: usize, a: usize, packed: usize, c: usize, accumulate: bool): void {
  if (k == 0) {
    if (!accumulate) memory.fill(c, 0, (m * n) << 2);
    return;
  }
  const paddedBytes = panels(n) << 5;
  for (let depth: usize = 0; depth < k; depth += depthBlock) {
    const depths = min(depthBlock, k - depth);
    for (let row: usize = 0; row < m; row += rowBlock) {
      const rows = min(rowBlock, m - row);
      multiplyBlock(
        rows,
        n,
        depths,
        a + ((row * k + depth) << 2),
        k << 4,
        k << 2,
        4,
        packed + depth * paddedBytes,
        c + ((row * n) << 2),
        n << 2,
        accumulate || depth > 0,
      );
    }
  }
}

/** B's rows into panels: [panel][depth][8], zeros beyond the last column. */
function packB(target: usize, b: usize, rowBytes: usize, depths: usize, columns: usize): void {
  const panelBytes = depths << 5;
  let column: usize = 0;
  for (; column + panelColumns <= columns; column += panelColumns) {
    const panel = target + (column >> 3) * panelBytes;
    const source = b + (column << 2);
    for (let p: usize = 0; p < depths; p++) {
      v128.store(panel + (p << 5), v128.load(source + p * rowBytes));
      v128.store(panel + (p << 5), v128.load(source + p * rowBytes, 16), 16);
    }
  }
  if (column < columns) {
    const panel = target + (column >> 3) * panelBytes;
    const source = b + (column << 2);
    const rest = columns - column;
    for (let p: usize = 0; p < depths; p++) {
      for (let i: usize = 0; i < panelColumns; i++) {
        store<f32>(panel + (p << 5) + (i << 2), i < rest ? load<f32>(source + p * rowBytes + (i << 2)) : 0);
      }
    }
  }
}

/** As packB, from B transposed: its rows are columns here. */
function packTransposedB(target: usize, b: usize, rowBytes: usize, depths: usize, columns: usize): void {
  const panelBytes = depths << 5;
  for (let column: usize = 0; column < columns; column += panelColumns) {
    const panel = target + (column >> 3) * panelBytes;
    const source = b + column * rowBytes;
    const count = min(panelColumns, columns - column);
    let p: usize = 0;
    if (count == panelColumns) {
      for (; p + 4 <= depths; p += 4) {
        transpose4(panel + (p << 5), source + (p << 2), rowBytes);
        transpose4(panel + (p << 5) + 16, source + 4 * rowBytes + (p << 2), rowBytes);
      }
    }
    for (; p < depths; p++) {
      for (let i: usize = 0; i < panelColumns; i++) {
        store<f32>(panel + (p << 5) + (i << 2), i < count ? load<f32>(source + i * rowBytes + (p << 2)) : 0);
      }
    }
  }
}

/** Four rows of four floats, transposed into rows 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(target: usize, source: usize, rowBytes: usize): void {
  const row0 = v128.load(source);
  const row1 = v128.load(source + rowBytes);
  const row2 = v128.load(source + 2 * rowBytes);
  const row3 = v128.load(source + 3 * rowBytes);
  const low01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f64>(low01, low23, 0, 2));
  v128.store(target, v128.shuffle<f64>(low01, low23, 1, 3), 32);
  v128.store(target, v128.shuffle<f64>(high01, high23, 0, 2), 64);
  v128.store(target, v128.shuffle<f64>(high01, high23, 1, 3), 96);
}

/** A transposed ([depth][rows]) into groups of four rows: [group][depth][4], zeros beyond the last row. */
function packTransposedA(target: usize, a: usize, rowBytes: usize, depths: usize, rows: usize): void {
  const groupBytes = depths << 4;
  let row: usize = 0;
  for (; row + 4 <= rows; row += 4) {
    const group = target + (row >> 2) * groupBytes;
    const source = a + (row << 2);
    for (let p: usize = 0; p < depths; p++) v128.store(group + (p << 4), v128.load(source + p * rowBytes));
  }
  if (row < rows) {
    const group = target + (row >> 2) * groupBytes;
    const source = a + (row << 2);
    for (let p: usize = 0; p < depths; p++) v128.store(group + (p << 4), loadPartial(source + p * rowBytes, rows - row));
  }
}

/** C[rows, columns] (+)= A B of one stretch of depth. A's rows come in groups of four: see the addresses below. */
function multiplyBlock(
  rows: usize,
  columns: usize,
  depths: usize,
  a: usize,
  groupBytes: usize,
  rowBytes: usize,
  stepBytes: usize,
  packed: usize,
  c: usize,
  targetBytes: usize,
  adds: bool,
): void {
  const panelBytes = depths << 5;
  const groups = rows >> 2;
  const rest = rows & 3;
  for (let column: usize = 0; column < columns; column += panelColumns) {
    const panel = packed + (column >> 3) * panelBytes;
    const target = c + (column << 2);
    const count = min(panelColumns, columns - column);
    for (let group: usize = 0; group < groups; group++) {
      multiply4(depths, a + group * groupBytes, rowBytes, stepBytes, panel, target + group * 4 * targetBytes, targetBytes, count, adds);
    }
    for (let row: usize = 0; row < rest; row++) {
      multiply1(depths, a + groups * groupBytes + row * rowBytes, stepBytes, panel, target + (groups * 4 + row) * targetBytes, count, adds);
    }
  }
}

/** Stores eight sums, or the first `count` of them. */
// @ts-ignore: decorator
@inline
function storeRow(c: usize, low: v128, high: v128, count: usize, adds: bool): void {
  if (count == panelColumns) {
    v128.store(c, adds ? f32x4.add(v128.load(c), low) : low);
    v128.store(c, adds ? f32x4.add(v128.load(c, 16), high) : high, 16);
  } else {
    storePartialRow(c, low, high, count, adds);
  }
}

function storePartialRow(c: usize, low: v128, high: v128, count: usize, adds: bool): void {
  let address = c;
  let sums = low;
  let lanes = count;
  if (lanes >= 4) {
    v128.store(address, adds ? f32x4.add(v128.load(address), sums) : sums);
    address += 16;
    sums = high;
    lanes -= 4;
  }
  if (lanes > 0) storePartial(address, adds ? f32x4.add(loadPartial(address, lanes), sums) : sums, lanes);
}

function multiply4(
  depths: usize,
  a: usize,
  rowBytes: usize,
  stepBytes: usize,
  panel: usize,
  c: usize,
  targetBytes: usize,
  count: usize,
  adds: bool,
): void {
  let a0 = a;
  let a1 = a + rowBytes;
  let a2 = a1 + rowBytes;
  let a3 = a2 + rowBytes;
  let b = panel;
  let sum00 = zero();
  let sum01 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum20 = zero();
  let sum21 = zero();
  let sum30 = zero();
  let sum31 = zero();
  for (let p = depths; p > 0; p--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
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
    a0 += stepBytes;
    a1 += stepBytes;
    a2 += stepBytes;
    a3 += stepBytes;
    b += 32;
  }
  storeRow(c, sum00, sum01, count, adds);
  storeRow(c + targetBytes, sum10, sum11, count, adds);
  storeRow(c + 2 * targetBytes, sum20, sum21, count, adds);
  storeRow(c + 3 * targetBytes, sum30, sum31, count, adds);
}

function multiply1(depths: usize, a: usize, stepBytes: usize, panel: usize, c: usize, count: usize, adds: bool): void {
  let address = a;
  let b = panel;
  let sum0 = zero();
  let sum1 = zero();
  for (let p = depths; p > 0; p--) {
    const value = v128.load32_splat(address);
    sum0 = madd(value, v128.load(b), sum0);
    sum1 = madd(value, v128.load(b, 16), sum1);
    address += stepBytes;
    b += 32;
  }
  storeRow(c, sum0, sum1, count, adds);
}
