// How the portable matrix product lays out what it multiplies: B in panels of eight columns, A in groups of six or four rows.
import { loadPartial, zero } from './math';

// @ts-ignore: decorator
@inline
export function roundUp(count: usize, multiple: usize): usize {
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
export function rowsInSixes(rows: usize): usize {
  return tileRows == 6 ? rows - (rows % 6) : 0;
}

/** Rows that groups of these rows have: in sixes, then in fours, the last of them filled up. */
// @ts-ignore: decorator
@inline
export function packedRows(rows: usize): usize {
  const sixes = rowsInSixes(rows);
  return sixes + roundUp(rows - sixes, 4);
}

/** B[depth.., column..] of [k, n] (or [n, k]) into panels, with zeros beyond the last column. */
export function packB(
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
export function packA(
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
