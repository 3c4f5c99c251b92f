// Attention of many heads, a sentence and a head at a time. Keys (and backward values) are turned once a head into panels of eight,
//
//     panel of keys  [size][8]
//
// so that scores are sums of broadcast queries times vectors of eight keys. Probabilities exist for `blockRows` queries at once; with
// what belongs to a head of a short sentence they stay in the first-level cache. Backward they are computed again from the logarithm of
// their sum. A sum is one chain over depth, whatever the number of queries and of keys that are not seen, so a query's result is the
// same bits alone, in a batch, and over cached keys.
import { mix, mixVector } from './dropout';
import { moveTile, packAcross } from './matrix';
import {
  dot,
  laneMaximum,
  laneSum,
  log2OfE,
  madd,
  one,
  quick1,
  quick2,
  quick3,
  quick4,
  quick5,
  quickExponentialOf,
  quickLeast,
  rounder,
  scalarLogarithm,
  zero,
} from './math';

/** As in ../../operations/multi-head.ts, which makes room for as many. */
const blockRows: usize = 32;
const tileBytes: usize = 128;

// @ts-ignore: decorator
@inline
function roundUp8(count: usize): usize {
  return (count + 7) & ~7;
}

// --- products ------------------------------------------------------------------------------------------------------------

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
function tileOfColumns(rows: usize, depths: usize, a: usize, aStep: usize, b: usize, bStep: usize, c: usize, cRow: usize, adds: bool): void {
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
function multiplyRows(
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

// --- rows of probabilities ---------------------------------------------------------------------------------------------------

/** The lanes below `lanes`. */
// @ts-ignore: decorator
@inline
function laneMask(lanes: usize): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>lanes));
}

/** The first `count` of a row of `width` scores become their softmax, times `scale` first, the rest 0. Gives the logarithm of the sum. */
function probabilitiesOfRow(row: usize, count: usize, width: usize, scale: f32): f32 {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const lanes = (bytes - whole) >> 2;
  const mask = laneMask(lanes);
  let greatest = f32x4.splat(-Infinity);
  for (let at: usize = 0; at < whole; at += 16) greatest = f32x4.pmax(greatest, v128.load(row + at));
  if (lanes > 0) greatest = f32x4.pmax(greatest, v128.bitselect(v128.load(row + whole), f32x4.splat(-Infinity), mask));
  const maximum = laneMaximum(greatest) * scale;
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(-maximum);
  const least = quickLeast;
  const log2 = log2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  let sums = zero();
  for (let at: usize = 0; at < whole; at += 16) {
    const term = quickExponentialOf(madd(v128.load(row + at), scales, shifts), least, log2, magic, c1, c2, c3, c4, c5, c0);
    v128.store(row + at, term);
    sums = f32x4.add(sums, term);
  }
  if (lanes > 0) {
    const term = quickExponentialOf(madd(v128.load(row + whole), scales, shifts), least, log2, magic, c1, c2, c3, c4, c5, c0);
    const seen = v128.and(term, mask);
    v128.store(row + whole, seen);
    sums = f32x4.add(sums, seen);
  }
  const sum = laneSum(sums);
  const factors = f32x4.splat(1 / sum);
  const end = (bytes + 15) & ~15;
  for (let at: usize = 0; at < end; at += 16) v128.store(row + at, f32x4.mul(factors, v128.load(row + at)));
  for (let at = end; at < width << 2; at += 16) v128.store(row + at, zero());
  return maximum + scalarLogarithm(sum);
}

const golden: u32 = 0x9e3779b9;

/** Drops probabilities; see `dropout` for the draw. */
function dropRow(row: usize, count: usize, hash: u32, threshold: u32, factor: f32): void {
  const thresholds = i32x4.splat(threshold);
  const factors = f32x4.splat(factor);
  const step = i32x4.splat(golden * 4);
  let counter = i32x4.add(i32x4.splat(hash), i32x4(0, golden, golden * 2, golden * 3));
  for (let at: usize = 0; at < count << 2; at += 16) {
    v128.store(row + at, v128.and(f32x4.mul(v128.load(row + at), factors), i32x4.ge_u(mixVector(counter), thresholds)));
    counter = i32x4.add(counter, step);
  }
}

/**
 * With p the probabilities and k what dropout multiplies them by: scores become p k, and the gradients dp of p k those of the scores,
 * scale p (k dp - delta), delta = sum over p k dp. The rest of both rows becomes 0.
 */
// @ts-ignore: decorator
@inline
function gradientOfRow(
  row: usize,
  gradients: usize,
  count: usize,
  width: usize,
  scale: f32,
  logSum: f32,
  delta: f32,
  drops: bool,
  hash: u32,
  threshold: u32,
  factor: f32,
): void {
  const bytes = count << 2;
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(-logSum);
  const deltas = f32x4.splat(delta);
  const least = quickLeast;
  const log2 = log2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  const thresholds = i32x4.splat(threshold);
  const factors = f32x4.splat(factor);
  const step = i32x4.splat(golden * 4);
  let counter = i32x4.add(i32x4.splat(hash), i32x4(0, golden, golden * 2, golden * 3));
  for (let at: usize = 0; at < bytes; at += 16) {
    const p = quickExponentialOf(madd(v128.load(row + at), scales, shifts), least, log2, magic, c1, c2, c3, c4, c5, c0);
    let dp = v128.load(gradients + at);
    let kept = p;
    if (drops) {
      const keep = i32x4.ge_u(mixVector(counter), thresholds);
      counter = i32x4.add(counter, step);
      kept = v128.and(f32x4.mul(p, factors), keep);
      dp = v128.and(f32x4.mul(dp, factors), keep);
    }
    v128.store(row + at, kept);
    v128.store(gradients + at, f32x4.mul(f32x4.mul(p, scales), f32x4.sub(dp, deltas)));
  }
  const lanes = count & 3;
  if (lanes > 0) {
    const last = bytes & ~15;
    const mask = laneMask(lanes);
    v128.store(row + last, v128.and(v128.load(row + last), mask));
    v128.store(gradients + last, v128.and(v128.load(gradients + last), mask));
  }
  for (let at = (bytes + 15) & ~15; at < width << 2; at += 16) {
    v128.store(row + at, zero());
    v128.store(gradients + at, zero());
  }
}

function plainGradientOfRow(row: usize, gradients: usize, count: usize, width: usize, scale: f32, logSum: f32, delta: f32): void {
  gradientOfRow(row, gradients, count, width, scale, logSum, delta, false, 0, 0, 1);
}

function droppedGradientOfRow(
  row: usize,
  gradients: usize,
  count: usize,
  width: usize,
  scale: f32,
  logSum: f32,
  delta: f32,
  hash: u32,
  threshold: u32,
  factor: f32,
): void {
  gradientOfRow(row, gradients, count, width, scale, logSum, delta, true, hash, threshold, factor);
}

// --- a sentence ------------------------------------------------------------------------------------------------------------

/**
 * Rows of a head side by side, `width` floats each of which those from `size` on are 0, and rows of 0 up to a multiple of eight.
 * They are chosen by index unless `rows` is 0.
 */
function gatherHead(to: usize, from: usize, rowBytes: usize, rows: usize, count: usize, size: usize, width: usize): void {
  const bytes = size << 2;
  const toBytes = width << 2;
  memory.fill(to + count * toBytes, 0, (roundUp8(count) - count) * toBytes);
  for (let index: usize = 0; index < count; index++) {
    const row = rows == 0 ? index : <usize>load<u32>(rows + (index << 2));
    const target = to + index * toBytes;
    const source = from + row * rowBytes;
    if (width != size) {
      memory.copy(target, source, bytes);
      memory.fill(target + bytes, 0, toBytes - bytes);
    } else {
      for (let at: usize = 0; at < bytes; at += 16) v128.store(target + at, v128.load(source + at));
    }
  }
}

/** Gathered rows as panels [size][8]. */
function packPanels(panels: usize, gathered: usize, count: usize, size: usize, width: usize): void {
  const rowBytes = width << 2;
  for (let row: usize = 0; row < count; row += 8) {
    const panel = panels + row * (size << 2);
    const from = gathered + row * rowBytes;
    packAcross(panel, 32, from, rowBytes, 4, size);
    packAcross(panel + 16, 32, from + 4 * rowBytes, rowBytes, 4, size);
  }
}

/** How many rows of the memory a query sees. */
// @ts-ignore: decorator
@inline
function sightOf(query: usize, queries: usize, memoryCount: usize, causal: bool): usize {
  return causal ? memoryCount + query + 1 - queries : memoryCount;
}

export function attendHeads(
  output: usize,
  outputRow: usize,
  query: usize,
  queryRow: usize,
  keys: usize,
  values: usize,
  memoryRow: usize,
  memoryRows: usize,
  queries: usize,
  memoryCount: usize,
  heads: usize,
  keyValueHeads: usize,
  size: usize,
  scale: f64,
  causal: bool,
  statistics: usize,
  weights: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
  scratch: usize,
): void {
  const width = roundUp8(size);
  const columns = roundUp8(memoryCount);
  const group = heads / keyValueHeads;
  const gathered = scratch + tileBytes;
  const panels = gathered + ((columns * width) << 2);
  const scores = panels + ((columns * width) << 2);
  const scoreRow = columns << 2;
  const threshold = <u32>Math.ceil(rate * 4294967296.0);
  const factor = <f32>(1.0 / (1.0 - rate));
  for (let shared: usize = 0; shared < keyValueHeads; shared++) {
    const offset = (shared * size) << 2;
    gatherHead(gathered, keys + offset, memoryRow, memoryRows, memoryCount, size, width);
    packPanels(panels, gathered, memoryCount, size, width);
    gatherHead(gathered, values + offset, memoryRow, memoryRows, memoryCount, size, width);
    for (let head = shared * group; head < (shared + 1) * group; head++) {
      const headOffset = (head * size) << 2;
      const headKey = mix(key + <u32>head * golden);
      for (let first: usize = 0; first < queries; first += blockRows) {
        const count = min(blockRows, queries - first);
        const seen = roundUp8(sightOf(first + count - 1, queries, memoryCount, causal));
        for (let row: usize = 0; row < count; row += 4) {
          const rows = min<usize>(4, count - row);
          const from = first + row;
          const target = scores + row * scoreRow;
          const sight = sightOf(from + rows - 1, queries, memoryCount, causal);
          const a = query + from * queryRow + headOffset;
          multiplyRows(false, rows, roundUp8(sight), size, a, queryRow, panels, size << 5, 32, target, scoreRow, scratch, false);
          for (let index: usize = 0; index < rows; index++) {
            const at = from + index;
            const probabilities = target + index * scoreRow;
            const visible = sightOf(at, queries, memoryCount, causal);
            const logSum = probabilitiesOfRow(probabilities, visible, seen, <f32>scale);
            if (statistics != 0) store<f32>(statistics + ((at * heads + head) << 2), logSum);
            if (weights != 0) {
              const weightRow = weights + (((head * queries + at) * memoryCount) << 2);
              memory.copy(weightRow, probabilities, visible << 2);
              memory.fill(weightRow + (visible << 2), 0, (memoryCount - visible) << 2);
            }
            if (rowKeys != 0) dropRow(probabilities, visible, mix(headKey ^ load<u32>(rowKeys + (at << 2))), threshold, factor);
          }
          const c = output + from * outputRow + headOffset;
          multiplyRows(false, rows, size, sight, target, scoreRow, gathered, 32, width << 2, c, outputRow, scratch, false);
        }
      }
    }
  }
}

export function attendHeadsGradient(
  queryGradient: usize,
  queryRow: usize,
  keyGradient: usize,
  valueGradient: usize,
  memoryRow: usize,
  outputGradient: usize,
  output: usize,
  outputRow: usize,
  query: usize,
  keys: usize,
  values: usize,
  queries: usize,
  memoryCount: usize,
  heads: usize,
  keyValueHeads: usize,
  size: usize,
  scale: f64,
  causal: bool,
  statistics: usize,
  rowKeys: usize,
  rate: f64,
  key: u32,
  scratch: usize,
): void {
  const width = roundUp8(size);
  const columns = roundUp8(memoryCount);
  const group = heads / keyValueHeads;
  const memoryBytes = (columns * width) << 2;
  const gathered = scratch + tileBytes;
  const keyPanels = gathered + memoryBytes;
  const valuePanels = keyPanels + memoryBytes;
  const queryBlock = valuePanels + memoryBytes;
  const gradientBlock = queryBlock + ((blockRows * width) << 2);
  const scores = gradientBlock + ((blockRows * width) << 2);
  const scoreRow = columns << 2;
  const gradients = scores + blockRows * scoreRow;
  const widthBytes = width << 2;
  const threshold = <u32>Math.ceil(rate * 4294967296.0);
  const factor = <f32>(1.0 / (1.0 - rate));
  for (let shared: usize = 0; shared < keyValueHeads; shared++) {
    const offset = (shared * size) << 2;
    gatherHead(gathered, values + offset, memoryRow, 0, memoryCount, size, width);
    packPanels(valuePanels, gathered, memoryCount, size, width);
    gatherHead(gathered, keys + offset, memoryRow, 0, memoryCount, size, width);
    packPanels(keyPanels, gathered, memoryCount, size, width);
    for (let head = shared * group; head < (shared + 1) * group; head++) {
      const headOffset = (head * size) << 2;
      const headKey = mix(key + <u32>head * golden);
      for (let first: usize = 0; first < queries; first += blockRows) {
        const count = min(blockRows, queries - first);
        const lastSight = sightOf(first + count - 1, queries, memoryCount, causal);
        const seen = roundUp8(lastSight);
        gatherHead(queryBlock, query + first * queryRow + headOffset, queryRow, 0, count, size, width);
        gatherHead(gradientBlock, outputGradient + first * outputRow + headOffset, outputRow, 0, count, size, width);
        for (let row: usize = 0; row < count; row += 4) {
          const rows = min<usize>(4, count - row);
          const from = first + row;
          const target = scores + row * scoreRow;
          const gradient = gradients + row * scoreRow;
          const sight = sightOf(from + rows - 1, queries, memoryCount, causal);
          const wide = roundUp8(sight);
          multiplyRows(false, rows, wide, size, queryBlock + row * widthBytes, widthBytes, keyPanels, size << 5, 32, target, scoreRow, scratch, false);
          multiplyRows(false, rows, wide, size, gradientBlock + row * widthBytes, widthBytes, valuePanels, size << 5, 32, gradient, scoreRow, scratch, false);
          for (let index: usize = 0; index < rows; index++) {
            const at = from + index;
            const visible = sightOf(at, queries, memoryCount, causal);
            const delta = dot(outputGradient + at * outputRow + headOffset, output + at * outputRow + headOffset, size);
            const logSum = load<f32>(statistics + ((at * heads + head) << 2));
            const s = target + index * scoreRow;
            const g = gradient + index * scoreRow;
            if (rowKeys == 0) plainGradientOfRow(s, g, visible, seen, <f32>scale, logSum, delta);
            else {
              const hash = mix(headKey ^ load<u32>(rowKeys + (at << 2)));
              droppedGradientOfRow(s, g, visible, seen, <f32>scale, logSum, delta, hash, threshold, factor);
            }
          }
          if (queryGradient != 0) {
            const c = queryGradient + from * queryRow + headOffset;
            multiplyRows(false, rows, size, sight, gradient, scoreRow, gathered, 32, widthBytes, c, queryRow, scratch, true);
          }
        }
        for (let row: usize = 0; row < lastSight; row += 4) {
          const rows = min<usize>(4, lastSight - row);
          // The first query of the block that sees any of these rows.
          const before = memoryCount - queries + first;
          const unseeing = causal && row > before ? row - before : 0;
          const depths = count - unseeing;
          const at = unseeing * scoreRow + (row << 2);
          if (valueGradient != 0) {
            const c = valueGradient + row * memoryRow + offset;
            const b = gradientBlock + unseeing * widthBytes;
            multiplyRows(true, rows, size, depths, scores + at, scoreRow, b, 32, widthBytes, c, memoryRow, scratch, true);
          }
          if (keyGradient != 0) {
            const c = keyGradient + row * memoryRow + offset;
            const b = queryBlock + unseeing * widthBytes;
            multiplyRows(true, rows, size, depths, gradients + at, scoreRow, b, 32, widthBytes, c, memoryRow, scratch, true);
          }
        }
      }
    }
  }
}
