// What the portable matrix product computes with packed operands.
//
// The micro-kernels hold two vectors of sums a row, two of B and one broadcast value of A, and move two pointers. With six rows
// that is every register of x64 but the one that V8 keeps to itself; V8 13 (Node 24) holds them, and is a seventh faster than
// with four rows. Before it some lie on the stack, so `useTileRows` chooses. Nothing is unrolled: engines that gain from that do
// it themselves.
// Nor does it call anything: V8 (in Node 20 and 22) writes what it must keep over a call to the stack where it is computed, in
// every turn of the loop. So sums of which only some columns are wanted go to a tile in scratch, and from there to C.
import { loadPartial, madd, storePartial, zero } from './math';
import { rowsInSixes } from './packing';

/** A tile of 6x8 sums. */
export const tileBytes: usize = 192;

/** C[rows, columns] = or += groups x panels, over one stretch of depth. */
export function multiplyBlock(
  rows: usize,
  columns: usize,
  depths: usize,
  groups: usize,
  panels: usize,
  c: usize,
  rowBytes: usize,
  tile: usize,
  adds: bool,
): void {
  const panelBytes = depths << 5;
  const sixes = rowsInSixes(rows);
  const wholeRows = sixes + ((rows - sixes) & ~3);
  if (wholeRows > 0) {
    for (let column: usize = 0; column < columns; column += 8) {
      const panel = panels + (column >> 3) * panelBytes;
      const count = min(<usize>8, columns - column);
      let row: usize = 0;
      for (; row < sixes; row += 6) {
        const group = groups + row * (depths << 2);
        const target = c + row * rowBytes + (column << 2);
        if (count == 8) multiply6(depths, group, panel, target, rowBytes, adds);
        else {
          multiply6(depths, group, panel, tile, 32, false);
          moveTile(tile, target, rowBytes, 6, count, adds);
        }
      }
      for (; row < wholeRows; row += 4) {
        const group = groups + row * (depths << 2);
        const target = c + row * rowBytes + (column << 2);
        if (count == 8) multiply4(depths, group, panel, target, rowBytes, adds);
        else {
          multiply4(depths, group, panel, tile, 32, false);
          moveTile(tile, target, rowBytes, 4, count, adds);
        }
      }
    }
  }
  if (wholeRows < rows) {
    const group = groups + wholeRows * (depths << 2);
    multiplyFewRows(rows - wholeRows, columns, depths, group, panels, panelBytes, 32, c + wholeRows * rowBytes, rowBytes, tile, adds);
  }
}

/** The first `count` (at most seven) columns of a tile's first rows. */
export function moveTile(tile: usize, c: usize, rowBytes: usize, rows: usize, count: usize, adds: bool): void {
  for (let row: usize = 0; row < rows; row++) {
    let from = tile + (row << 5);
    let to = c + row * rowBytes;
    let lanes = count;
    if (lanes >= 4) {
      storeSums(to, v128.load(from), adds);
      from += 16;
      to += 16;
      lanes -= 4;
    }
    if (lanes > 0) storePartial(to, adds ? f32x4.add(loadPartial(to, lanes), v128.load(from)) : v128.load(from), lanes);
  }
}

/**
 * One to three rows, over several panels at once, because a single panel gives too few independent sums to keep the
 * processor busy. Panels are `panelBytes` apart and their rows `stepBytes`, so that B itself can be read as panels.
 */
export function multiplyFewRows(
  rows: usize,
  columns: usize,
  depths: usize,
  group: usize,
  panels: usize,
  panelBytes: usize,
  stepBytes: usize,
  c: usize,
  rowBytes: usize,
  tile: usize,
  adds: bool,
): void {
  let column: usize = 0;
  let panel = panels;
  let target = c;
  if (rows == 1) {
    for (; column + 32 <= columns; column += 32) {
      multiply1x32(depths, group, panel, panelBytes, stepBytes, target, adds);
      panel += 4 * panelBytes;
      target += 128;
    }
  } else if (rows == 2) {
    for (; column + 16 <= columns; column += 16) {
      multiply2x16(depths, group, panel, panelBytes, stepBytes, target, rowBytes, adds);
      panel += 2 * panelBytes;
      target += 64;
    }
  }
  for (; column < columns; column += 8) {
    const count = min(<usize>8, columns - column);
    if (count == 8) multiplyUpTo3(rows, depths, group, panel, stepBytes, target, rowBytes, adds);
    else {
      multiplyUpTo3(rows, depths, group, panel, stepBytes, tile, 32, false);
      moveTile(tile, target, rowBytes, rows, count, adds);
    }
    panel += panelBytes;
    target += 32;
  }
}

// @ts-ignore: decorator
@inline
function storeSums(c: usize, sums: v128, adds: bool): void {
  v128.store(c, adds ? f32x4.add(v128.load(c), sums) : sums);
}

// @ts-ignore: decorator
@inline
function storeRow(c: usize, low: v128, high: v128, adds: bool): void {
  storeSums(c, low, adds);
  storeSums(c + 16, high, adds);
}

function multiply6(depths: usize, group: usize, panel: usize, c: usize, rowBytes: usize, adds: bool): void {
  let a = group;
  let b = panel;
  const end = panel + (depths << 5);
  let sum00 = zero();
  let sum01 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum20 = zero();
  let sum21 = zero();
  let sum30 = zero();
  let sum31 = zero();
  let sum40 = zero();
  let sum41 = zero();
  let sum50 = zero();
  let sum51 = zero();
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let value = v128.load32_splat(a);
    sum00 = madd(value, b0, sum00);
    sum01 = madd(value, b1, sum01);
    value = v128.load32_splat(a, 4);
    sum10 = madd(value, b0, sum10);
    sum11 = madd(value, b1, sum11);
    value = v128.load32_splat(a, 8);
    sum20 = madd(value, b0, sum20);
    sum21 = madd(value, b1, sum21);
    value = v128.load32_splat(a, 12);
    sum30 = madd(value, b0, sum30);
    sum31 = madd(value, b1, sum31);
    value = v128.load32_splat(a, 16);
    sum40 = madd(value, b0, sum40);
    sum41 = madd(value, b1, sum41);
    value = v128.load32_splat(a, 20);
    sum50 = madd(value, b0, sum50);
    sum51 = madd(value, b1, sum51);
    a += 24;
    b += 32;
  } while (b != end);
  storeRow(c, sum00, sum01, adds);
  storeRow(c + rowBytes, sum10, sum11, adds);
  storeRow(c + 2 * rowBytes, sum20, sum21, adds);
  storeRow(c + 3 * rowBytes, sum30, sum31, adds);
  storeRow(c + 4 * rowBytes, sum40, sum41, adds);
  storeRow(c + 5 * rowBytes, sum50, sum51, adds);
}

function multiply4(depths: usize, group: usize, panel: usize, c: usize, rowBytes: usize, adds: bool): void {
  let a = group;
  let b = panel;
  const end = panel + (depths << 5);
  let sum00 = zero();
  let sum01 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum20 = zero();
  let sum21 = zero();
  let sum30 = zero();
  let sum31 = zero();
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let value = v128.load32_splat(a);
    sum00 = madd(value, b0, sum00);
    sum01 = madd(value, b1, sum01);
    value = v128.load32_splat(a, 4);
    sum10 = madd(value, b0, sum10);
    sum11 = madd(value, b1, sum11);
    value = v128.load32_splat(a, 8);
    sum20 = madd(value, b0, sum20);
    sum21 = madd(value, b1, sum21);
    value = v128.load32_splat(a, 12);
    sum30 = madd(value, b0, sum30);
    sum31 = madd(value, b1, sum31);
    a += 16;
    b += 32;
  } while (b != end);
  storeRow(c, sum00, sum01, adds);
  storeRow(c + rowBytes, sum10, sum11, adds);
  storeRow(c + 2 * rowBytes, sum20, sum21, adds);
  storeRow(c + 3 * rowBytes, sum30, sum31, adds);
}

function multiplyUpTo3(
  rows: usize,
  depths: usize,
  group: usize,
  panel: usize,
  stepBytes: usize,
  c: usize,
  rowBytes: usize,
  adds: bool,
): void {
  let a = group;
  let b = panel;
  let sum00 = zero();
  let sum01 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum20 = zero();
  let sum21 = zero();
  for (let p = depths; p > 0; p--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let value = v128.load32_splat(a);
    sum00 = madd(value, b0, sum00);
    sum01 = madd(value, b1, sum01);
    value = v128.load32_splat(a, 4);
    sum10 = madd(value, b0, sum10);
    sum11 = madd(value, b1, sum11);
    value = v128.load32_splat(a, 8);
    sum20 = madd(value, b0, sum20);
    sum21 = madd(value, b1, sum21);
    a += 16;
    b += stepBytes;
  }
  storeRow(c, sum00, sum01, adds);
  if (rows > 1) storeRow(c + rowBytes, sum10, sum11, adds);
  if (rows > 2) storeRow(c + 2 * rowBytes, sum20, sum21, adds);
}

function multiply2x16(
  depths: usize,
  group: usize,
  panel: usize,
  panelBytes: usize,
  stepBytes: usize,
  c: usize,
  rowBytes: usize,
  adds: bool,
): void {
  let a = group;
  let b = panel;
  let next = panel + panelBytes;
  let sum00 = zero();
  let sum01 = zero();
  let sum02 = zero();
  let sum03 = zero();
  let sum10 = zero();
  let sum11 = zero();
  let sum12 = zero();
  let sum13 = zero();
  for (let p = depths; p > 0; p--) {
    const value0 = v128.load32_splat(a);
    const value1 = v128.load32_splat(a, 4);
    let columns = v128.load(b);
    sum00 = madd(value0, columns, sum00);
    sum10 = madd(value1, columns, sum10);
    columns = v128.load(b, 16);
    sum01 = madd(value0, columns, sum01);
    sum11 = madd(value1, columns, sum11);
    columns = v128.load(next);
    sum02 = madd(value0, columns, sum02);
    sum12 = madd(value1, columns, sum12);
    columns = v128.load(next, 16);
    sum03 = madd(value0, columns, sum03);
    sum13 = madd(value1, columns, sum13);
    a += 16;
    b += stepBytes;
    next += stepBytes;
  }
  storeSums(c, sum00, adds);
  storeSums(c + 16, sum01, adds);
  storeSums(c + 32, sum02, adds);
  storeSums(c + 48, sum03, adds);
  storeSums(c + rowBytes, sum10, adds);
  storeSums(c + rowBytes + 16, sum11, adds);
  storeSums(c + rowBytes + 32, sum12, adds);
  storeSums(c + rowBytes + 48, sum13, adds);
}

function multiply1x32(depths: usize, group: usize, panel: usize, panelBytes: usize, stepBytes: usize, c: usize, adds: bool): void {
  let a = group;
  let b0 = panel;
  let b1 = b0 + panelBytes;
  let b2 = b1 + panelBytes;
  let b3 = b2 + panelBytes;
  let sum0 = zero();
  let sum1 = zero();
  let sum2 = zero();
  let sum3 = zero();
  let sum4 = zero();
  let sum5 = zero();
  let sum6 = zero();
  let sum7 = zero();
  for (let p = depths; p > 0; p--) {
    const value = v128.load32_splat(a);
    sum0 = madd(value, v128.load(b0), sum0);
    sum1 = madd(value, v128.load(b0, 16), sum1);
    sum2 = madd(value, v128.load(b1), sum2);
    sum3 = madd(value, v128.load(b1, 16), sum3);
    sum4 = madd(value, v128.load(b2), sum4);
    sum5 = madd(value, v128.load(b2, 16), sum5);
    sum6 = madd(value, v128.load(b3), sum6);
    sum7 = madd(value, v128.load(b3, 16), sum7);
    a += 16;
    b0 += stepBytes;
    b1 += stepBytes;
    b2 += stepBytes;
    b3 += stepBytes;
  }
  storeSums(c, sum0, adds);
  storeSums(c + 16, sum1, adds);
  storeSums(c + 32, sum2, adds);
  storeSums(c + 48, sum3, adds);
  storeSums(c + 64, sum4, adds);
  storeSums(c + 80, sum5, adds);
  storeSums(c + 96, sum6, adds);
  storeSums(c + 112, sum7, adds);
}
