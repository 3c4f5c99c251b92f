// Products with weights in 8-bit integers. A row of weights w is s q, q in [-127, 127]; a row of activations x is t (u - z), u in
// [0, 127] and z an integer, so that
//
//     x w = s t (sum u q - z sum q)
//
// with both sums exact in 32 bits: every engine gives the same bits, however it adds. Seven bits for u, because x64 adds two products
// of an unsigned and a signed byte in 16 bits, where 2 x 127 x 127 has room and 2 x 255 x 127 does not; and because the relaxed
// instruction for it is defined for no more. A zero of its own for each row, rather than 64 for all, uses the whole range for
// activations of one sign.
//
//     panel of eight weights:   [8] s   [8] sum q   [depth / 4] ([8] (four q in a row))
//     row of activations:       t, z, 8 bytes unused, [depth / 4] (four u), filled up to 16 bytes
import { loadPartial, zero } from './math';

const panelHead: usize = 64;
const rowHead: usize = 16;
const most: f32 = 127;

// @ts-ignore: decorator
@inline
function panelBytes(k: usize): usize {
  return panelHead + (((k + 3) >> 2) << 5);
}

// @ts-ignore: decorator
@inline
function rowBytes(k: usize): usize {
  return rowHead + ((k + 15) & ~15);
}

export function integerPackedBytes(n: usize, k: usize): f64 {
  return <f64>(((n + 7) >> 3) * panelBytes(k));
}

/** A tile of 4 x 8 results. */
const tileBytes: usize = 128;

export function integerScratchBytes(m: usize, k: usize): f64 {
  return <f64>(tileBytes + m * rowBytes(k));
}

let byteDots: bool = false;

/** Whether to use the relaxed product of bytes, in builds that have it. */
export function useByteDots(use: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) byteDots = use;
}

/** 127 / range; 0 for what has no range worth a step, and NaN stays NaN. */
// @ts-ignore: decorator
@inline
function steps(range: f32): f32 {
  return range < 1e-30 ? 0 : most / range;
}

/** Rounds four values that are at most 127 in size. */
// @ts-ignore: decorator
@inline
function rounded(x: v128, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(x, inverse)));
}

// @ts-ignore: decorator
@inline
function loadFloats(address: usize, left: usize): v128 {
  return left >= 4 ? v128.load(address) : left == 0 ? zero() : loadPartial(address, left);
}

export function integerPack(n: usize, k: usize, b: usize, strideB: usize, packed: usize): void {
  const panelPitch = panelBytes(k);
  memory.fill(packed, 0, ((n + 7) >> 3) * panelPitch);
  for (let row: usize = 0; row < n; row++) {
    const from = b + row * (strideB << 2);
    let size = zero();
    for (let at: usize = 0; at < k; at += 4) size = f32x4.max(size, f32x4.abs(loadFloats(from + (at << 2), k - at)));
    const largest = max(
      max(f32x4.extract_lane(size, 0), f32x4.extract_lane(size, 1)),
      max(f32x4.extract_lane(size, 2), f32x4.extract_lane(size, 3)),
    );
    const inverse = f32x4.splat(steps(largest));
    const panel = packed + (row >> 3) * panelPitch;
    const column = row & 7;
    let to = panel + panelHead + (column << 2);
    let sums = zero();
    for (let at: usize = 0; at < k; at += 4) {
      const integers = rounded(loadFloats(from + (at << 2), k - at), inverse);
      sums = i32x4.add(sums, integers);
      const halves = i16x8.narrow_i32x4_s(integers, integers);
      store<i32>(to, i32x4.extract_lane(i8x16.narrow_i16x8_s(halves, halves), 0));
      to += 32;
    }
    const sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
    store<f32>(panel + (column << 2), largest / most);
    store<i32>(panel + 32 + (column << 2), sum);
  }
}

export function integerRows(m: usize, k: usize, a: usize, strideA: usize, rows: usize): void {
  const pitch = rowBytes(k);
  const limit = i8x16.splat(127);
  for (let row: usize = 0; row < m; row++) {
    const from = a + row * (strideA << 2);
    const to = rows + row * pitch;
    let low = zero();
    let high = zero();
    for (let at: usize = 0; at < k; at += 4) {
      const x = loadFloats(from + (at << 2), k - at);
      low = f32x4.min(low, x);
      high = f32x4.max(high, x);
    }
    const lowest = min(min(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)), min(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)));
    const highest = max(
      max(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
      max(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
    );
    const range = highest - lowest;
    const inverse = f32x4.splat(steps(range));
    const zeros = rounded(f32x4.neg(f32x4.splat(lowest)), inverse);
    store<f32>(to, range / most);
    store<i32>(to, i32x4.extract_lane(zeros, 0), 4);
    for (let at: usize = 0; at < k; at += 16) {
      const x = from + (at << 2);
      const left = k - at;
      const u0 = i32x4.add(rounded(loadFloats(x, left), inverse), zeros);
      const u1 = i32x4.add(rounded(loadFloats(x + 16, left > 4 ? left - 4 : 0), inverse), zeros);
      const u2 = i32x4.add(rounded(loadFloats(x + 32, left > 8 ? left - 8 : 0), inverse), zeros);
      const u3 = i32x4.add(rounded(loadFloats(x + 48, left > 12 ? left - 12 : 0), inverse), zeros);
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(u0, u1), i16x8.narrow_i32x4_s(u2, u3));
      // Both ends may be rounded up.
      v128.store(to + rowHead + at, i8x16.min_u(bytes, limit));
    }
  }
}

/** The sums of two weights, of which each has two parts. */
// @ts-ignore: decorator
@inline
function joined(first: v128, second: v128): v128 {
  return i32x4.add(
    i8x16.shuffle(first, second, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
    i8x16.shuffle(first, second, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31),
  );
}

/** Four results of a row from their sums. */
// @ts-ignore: decorator
@inline
function storeResults(c: usize, sums: v128, row: usize, panel: usize, adds: bool): void {
  const exact = i32x4.sub(sums, i32x4.mul(v128.load32_splat(row, 4), v128.load(panel, 32)));
  const result = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(exact), v128.load32_splat(row)), v128.load(panel));
  v128.store(c, adds ? f32x4.add(v128.load(c), result) : result);
}

/** C[2, 8] or, where `second` is `first`, C[1, 8]. */
function integerTile(first: usize, second: usize, groups: usize, panel: usize, c0: usize, c1: usize, adds: bool): void {
  let a0 = first + rowHead;
  let a1 = second + rowHead;
  let from = panel + panelHead;
  let s00 = zero();
  let s01 = zero();
  let s02 = zero();
  let s03 = zero();
  let s10 = zero();
  let s11 = zero();
  let s12 = zero();
  let s13 = zero();
  for (let group = groups; group > 0; group--) {
    const x0 = i16x8.extend_low_i8x16_u(v128.load32_splat(a0));
    const x1 = i16x8.extend_low_i8x16_u(v128.load32_splat(a1));
    let q = v128.load8x8_s(from);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(x0, q));
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(x1, q));
    q = v128.load8x8_s(from, 8);
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(x0, q));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(x1, q));
    q = v128.load8x8_s(from, 16);
    s02 = i32x4.add(s02, i32x4.dot_i16x8_s(x0, q));
    s12 = i32x4.add(s12, i32x4.dot_i16x8_s(x1, q));
    q = v128.load8x8_s(from, 24);
    s03 = i32x4.add(s03, i32x4.dot_i16x8_s(x0, q));
    s13 = i32x4.add(s13, i32x4.dot_i16x8_s(x1, q));
    a0 += 4;
    a1 += 4;
    from += 32;
  }
  storeResults(c0, joined(s00, s01), first, panel, adds);
  storeResults(c0 + 16, joined(s02, s03), first, panel + 16, adds);
  if (second == first) return;
  storeResults(c1, joined(s10, s11), second, panel, adds);
  storeResults(c1 + 16, joined(s12, s13), second, panel + 16, adds);
}

/** C[1, 8] with the relaxed product of bytes: four times four of them at a time. */
function dotRow(row: usize, groups: usize, panel: usize, c: usize, adds: bool): void {
  if (!ASC_FEATURE_RELAXED_SIMD) return;
  let at = row + rowHead;
  let from = panel + panelHead;
  let s0 = zero();
  let s1 = zero();
  for (let group = groups; group > 0; group--) {
    const u = v128.load32_splat(at);
    s0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(from), u, s0);
    s1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(from, 16), u, s1);
    at += 4;
    from += 32;
  }
  storeResults(c, s0, row, panel, adds);
  storeResults(c + 16, s1, row, panel + 16, adds);
}

/** C[rows, 8] for two to four rows. */
function dotTile(rows: usize, first: usize, pitch: usize, groups: usize, panel: usize, c: usize, cRow: usize, adds: bool): void {
  if (!ASC_FEATURE_RELAXED_SIMD) return;
  // Rows that do not exist are the last that does.
  const second = first + pitch;
  const third = rows > 2 ? second + pitch : second;
  const fourth = rows > 3 ? third + pitch : third;
  let at = rowHead;
  let from = panel + panelHead;
  let s00 = zero();
  let s01 = zero();
  let s10 = zero();
  let s11 = zero();
  let s20 = zero();
  let s21 = zero();
  let s30 = zero();
  let s31 = zero();
  for (let group = groups; group > 0; group--) {
    const q0 = v128.load(from);
    const q1 = v128.load(from, 16);
    let u = v128.load32_splat(first + at);
    s00 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q0, u, s00);
    s01 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q1, u, s01);
    u = v128.load32_splat(second + at);
    s10 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q0, u, s10);
    s11 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q1, u, s11);
    u = v128.load32_splat(third + at);
    s20 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q0, u, s20);
    s21 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q1, u, s21);
    u = v128.load32_splat(fourth + at);
    s30 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q0, u, s30);
    s31 = i32x4.relaxed_dot_i8x16_i7x16_add_s(q1, u, s31);
    at += 4;
    from += 32;
  }
  storeResults(c, s00, first, panel, adds);
  storeResults(c + 16, s01, first, panel + 16, adds);
  storeResults(c + cRow, s10, second, panel, adds);
  storeResults(c + cRow + 16, s11, second, panel + 16, adds);
  if (rows > 2) storeResults(c + 2 * cRow, s20, third, panel, adds);
  if (rows > 2) storeResults(c + 2 * cRow + 16, s21, third, panel + 16, adds);
  if (rows > 3) storeResults(c + 3 * cRow, s30, fourth, panel, adds);
  if (rows > 3) storeResults(c + 3 * cRow + 16, s31, fourth, panel + 16, adds);
}

/** Moves the first columns of a tile's row. */
function moveRow(tile: usize, c: usize, columns: usize, adds: bool): void {
  for (let column: usize = 0; column < columns; column++) {
    const value = load<f32>(tile + (column << 2));
    store<f32>(c + (column << 2), adds ? load<f32>(c + (column << 2)) + value : value);
  }
}

export function integerMultiply(
  m: usize,
  n: usize,
  k: usize,
  rows: usize,
  packed: usize,
  c: usize,
  strideC: usize,
  accumulate: bool,
  tile: usize,
): void {
  const pitch = rowBytes(k);
  const panelPitch = panelBytes(k);
  const groups = (k + 3) >> 2;
  const cRow = strideC << 2;
  for (let column: usize = 0; column < n; column += 8) {
    const panel = packed + (column >> 3) * panelPitch;
    const isWhole = column + 8 <= n;
    const step: usize = byteDots ? 4 : 2;
    for (let row: usize = 0; row < m; row += step) {
      const first = rows + row * pitch;
      const count = min(step, m - row);
      const target = c + row * cRow + (column << 2);
      const to = isWhole ? target : tile;
      const toRow = isWhole ? cRow : 32;
      const adds = isWhole ? accumulate : false;
      if (byteDots && count == 1) dotRow(first, groups, panel, to, adds);
      else if (byteDots) dotTile(count, first, pitch, groups, panel, to, toRow, adds);
      else integerTile(first, count > 1 ? first + pitch : first, groups, panel, to, to + toRow, adds);
      if (isWhole) continue;
      for (let each: usize = 0; each < count; each++) moveRow(tile + 32 * each, target + each * cRow, n - column, accumulate);
    }
  }
}
