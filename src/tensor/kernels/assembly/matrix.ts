// The portable matrix product, after Goto & van de Geijn 2008 ("Anatomy of High-Performance Matrix Multiplication").
// B is packed into panels of eight columns, cut into stretches of `depthBlock` rows, so that a panel stays in the
// first-level cache while A passes by, packed into groups of six or four rows:
//
//     panel of B  [depth][8]        group of A  [depth][6]        C[6, 8] += group x panel
//
// The micro-kernels hold two vectors of sums a row, two of B and one broadcast value of A, and move two pointers. With six rows
// that is every register of x64 but the one that V8 keeps to itself; V8 13 (Node 24) holds them, and is a seventh faster than
// with four rows. Before it some lie on the stack, so `useTileRows` chooses. Nothing is unrolled: engines that gain from that do
// it themselves.
// Nor does it call anything: V8 (in Node 20 and 22) writes what it must keep over a call to the stack where it is computed, in
// every turn of the loop. So sums of which only some columns are wanted go to a tile in scratch, and from there to C.
//
// An element of C is summed in the same order whatever the number of rows and columns and wherever B is packed: within a
// stretch of depth in order, then stretch by stretch. So a row's result is the same alone and in a batch.
import { loadPartial, madd, storePartial, zero } from './math';

/** Length of a stretch of depth: a panel of B is 8 KiB. */
const depthBlock: usize = 256;
/** Columns of B packed at a time, to stay in the second-level cache (512 KiB) ... */
const columnBlock: usize = 512;
/** ... and for few rows, to be used while still in the first-level cache. */
const narrowColumnBlock: usize = 32;
const fewRows: usize = 16;
/** Rows of A that pass by a panel before the next panel (132 KiB): whole groups, of six rows and of four. */
const rowBlock: usize = 132;
/** A tile of 6x8 sums. */
const tileBytes: usize = 192;
/** Up to this many rows a B that is not transposed is used where it is: packing costs more than it gains. */
const unpackedRows: usize = 2;

// @ts-ignore: decorator
@inline
function roundUp(count: usize, multiple: usize): usize {
  return (count + multiple - 1) & ~(multiple - 1);
}

let tileRows: usize = 4;

/** Rows of a tile: four or six. */
export function useTileRows(rows: usize): void {
  tileRows = rows;
}

/** How many of these rows are in groups of six. */
// @ts-ignore: decorator
@inline
function rowsInSixes(rows: usize): usize {
  return tileRows == 6 ? rows - (rows % 6) : 0;
}

/** Rows that groups of these rows have: in sixes, then in fours, the last of them filled up. */
// @ts-ignore: decorator
@inline
function packedRows(rows: usize): usize {
  const sixes = rowsInSixes(rows);
  return sixes + roundUp(rows - sixes, 4);
}

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

// --- packing ------------------------------------------------------------------------------------------------------------

/** B[depth.., column..] of [k, n] (or [n, k]) into panels, with zeros beyond the last column. */
function packB(
  panels: usize,
  b: usize,
  transposeB: bool,
  rowBytes: usize,
  depth: usize,
  column: usize,
  depths: usize,
  columns: usize,
): void {
  const panelBytes = depths << 5;
  const source = b + (transposeB ? column * rowBytes + (depth << 2) : depth * rowBytes + (column << 2));
  for (let from: usize = 0; from < columns; from += 8) {
    const panel = panels + (from >> 3) * panelBytes;
    const count = min(<usize>8, columns - from);
    if (transposeB) {
      packAcross(panel, 32, source + from * rowBytes, rowBytes, min(count, 4), depths);
      packAcross(panel + 16, 32, source + (from + 4) * rowBytes, rowBytes, count > 4 ? count - 4 : 0, depths);
    } else {
      packAlong(panel, 32, source + (from << 2), rowBytes, min(count, 4), depths);
      packAlong(panel + 16, 32, source + (from << 2) + 16, rowBytes, count > 4 ? count - 4 : 0, depths);
    }
  }
}

/** A[row.., depth..] of [m, k] (or [k, m]) into groups of rows, with zeros beyond the last row. */
function packA(
  groups: usize,
  a: usize,
  transposeA: bool,
  rowBytes: usize,
  row: usize,
  depth: usize,
  rows: usize,
  depths: usize,
): void {
  const source = a + (transposeA ? depth * rowBytes + (row << 2) : row * rowBytes + (depth << 2));
  const sixes = rowsInSixes(rows);
  let from: usize = 0;
  for (; from < sixes; from += 6) {
    const group = groups + from * (depths << 2);
    if (transposeA) {
      packAlong(group, 24, source + (from << 2), rowBytes, 4, depths);
      packPairsAlong(group + 16, source + (from << 2) + 16, rowBytes, depths);
    } else {
      packAcross(group, 24, source + from * rowBytes, rowBytes, 4, depths);
      packPairsAcross(group + 16, source + (from + 4) * rowBytes, rowBytes, depths);
    }
  }
  for (; from < rows; from += 4) {
    const group = groups + from * (depths << 2);
    const count = min(<usize>4, rows - from);
    if (transposeA) packAlong(group, 16, source + (from << 2), rowBytes, count, depths);
    else packAcross(group, 16, source + from * rowBytes, rowBytes, count, depths);
  }
}

/** The last two of each six neighbours in the rows of the source. */
function packPairsAlong(target: usize, source: usize, rowBytes: usize, depths: usize): void {
  for (let p: usize = 0; p < depths; p++) store<u64>(target + p * 24, load<u64>(source + p * rowBytes));
}

/** The last two of six rows of the source, transposed. */
function packPairsAcross(target: usize, source: usize, rowBytes: usize, depths: usize): void {
  let p: usize = 0;
  for (; p + 4 <= depths; p += 4) {
    const row0 = v128.load(source + (p << 2));
    const row1 = v128.load(source + rowBytes + (p << 2));
    const low = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
    const high = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
    const to = target + p * 24;
    v128.store_lane<i64>(to, low, 0);
    v128.store_lane<i64>(to + 24, low, 1);
    v128.store_lane<i64>(to + 48, high, 0);
    v128.store_lane<i64>(to + 72, high, 1);
  }
  for (; p < depths; p++) {
    store<f32>(target + p * 24, load<f32>(source + (p << 2)));
    store<f32>(target + p * 24 + 4, load<f32>(source + rowBytes + (p << 2)));
  }
}

/** `depths` vectors of the `count` (at most four) neighbours in each row of the source. */
function packAlong(target: usize, stepBytes: usize, source: usize, rowBytes: usize, count: usize, depths: usize): void {
  let from = source;
  let to = target;
  if (count == 4) {
    for (let p = depths; p > 0; p--) {
      v128.store(to, v128.load(from));
      from += rowBytes;
      to += stepBytes;
    }
  } else {
    for (let p = depths; p > 0; p--) {
      v128.store(to, count == 0 ? zero() : loadPartial(from, count));
      from += rowBytes;
      to += stepBytes;
    }
  }
}

/** `depths` vectors, each of one column of `count` (at most four) rows of the source: a transposition. */
export function packAcross(target: usize, stepBytes: usize, source: usize, rowBytes: usize, count: usize, depths: usize): void {
  let p: usize = 0;
  if (count == 4) {
    for (; p + 4 <= depths; p += 4) {
      const from = source + (p << 2);
      const row0 = v128.load(from);
      const row1 = v128.load(from + rowBytes);
      const row2 = v128.load(from + 2 * rowBytes);
      const row3 = v128.load(from + 3 * rowBytes);
      const low01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
      const high23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
      const to = target + p * stepBytes;
      v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
      v128.store(to + stepBytes, v128.shuffle<f64>(low01, low23, 1, 3));
      v128.store(to + 2 * stepBytes, v128.shuffle<f64>(high01, high23, 0, 2));
      v128.store(to + 3 * stepBytes, v128.shuffle<f64>(high01, high23, 1, 3));
    }
  }
  for (; p < depths; p++) {
    const to = target + p * stepBytes;
    v128.store(to, zero());
    for (let row: usize = 0; row < count; row++) store<f32>(to + (row << 2), load<f32>(source + row * rowBytes + (p << 2)));
  }
}

// --- multiplying --------------------------------------------------------------------------------------------------------

/** C[rows, columns] = or += groups x panels, over one stretch of depth. */
function multiplyBlock(
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
function multiplyFewRows(
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
