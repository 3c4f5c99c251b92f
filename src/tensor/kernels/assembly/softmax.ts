import {
  laneMaximum,
  laneSum,
  loadPartial,
  log2OfE,
  one,
  quick1,
  quick2,
  quick3,
  quick4,
  quick5,
  quickExponential,
  quickExponentialOf,
  quickLeast,
  rounder,
  scalarLogarithm,
  storePartial,
  zero,
} from './math';

// Rows of a whole vocabulary are long, so each is read as few times as possible, with several independent accumulators.

/** Float `at` bytes into a row, plus its bias. */
// @ts-ignore: decorator
@inline
function biased(row: usize, bias: usize, at: usize): v128 {
  const x = v128.load(row + at);
  return bias == 0 ? x : f32x4.add(x, v128.load(bias + at));
}

// @ts-ignore: decorator
@inline
function scalarBiased(row: usize, bias: usize, at: usize): f32 {
  const x = load<f32>(row + at);
  return bias == 0 ? x : x + load<f32>(bias + at);
}

/** The greatest of row + bias. */
export function rowMaximum(row: usize, bias: usize, bytes: usize): f32 {
  const wide = bytes & ~63;
  const least = f32x4.splat(-Infinity);
  let maximum0 = least;
  let maximum1 = least;
  let maximum2 = least;
  let maximum3 = least;
  let at: usize = 0;
  for (; at < wide; at += 64) {
    maximum0 = f32x4.pmax(biased(row, bias, at), maximum0);
    maximum1 = f32x4.pmax(biased(row, bias, at + 16), maximum1);
    maximum2 = f32x4.pmax(biased(row, bias, at + 32), maximum2);
    maximum3 = f32x4.pmax(biased(row, bias, at + 48), maximum3);
  }
  let maximum = laneMaximum(f32x4.max(f32x4.max(maximum0, maximum1), f32x4.max(maximum2, maximum3)));
  for (; at < bytes; at += 4) maximum = max(maximum, scalarBiased(row, bias, at));
  return maximum;
}

/** The sum of row + bias. */
export function rowSum(row: usize, bias: usize, bytes: usize): f32 {
  const wide = bytes & ~31;
  let sum0 = zero();
  let sum1 = zero();
  let at: usize = 0;
  for (; at < wide; at += 32) {
    sum0 = f32x4.add(sum0, biased(row, bias, at));
    sum1 = f32x4.add(sum1, biased(row, bias, at + 16));
  }
  let sum = laneSum(f32x4.add(sum0, sum1));
  for (; at < bytes; at += 4) sum += scalarBiased(row, bias, at);
  return sum;
}

/** What `sumOfExponentials` found on the way. */
let nextMaximum: f32 = 0;

/**
 * The sum of exp(row + bias - maximum); the terms replace the row when `keep`. With `lookAhead` it also finds the greatest
 * of the next row, which so arrives from a far memory while there is something to compute.
 */
// @ts-ignore: decorator
@inline
function sumOfExponentials(row: usize, bias: usize, bytes: usize, maximum: f32, next: usize, lookAhead: bool, keep: bool): f32 {
  const whole = bytes & ~15;
  const maximums = f32x4.splat(maximum);
  const least = quickLeast;
  const scale = log2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  let sums = zero();
  let greatest = f32x4.splat(-Infinity);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    if (lookAhead) greatest = f32x4.pmax(biased(next, bias, at), greatest);
    const term = quickExponentialOf(f32x4.sub(biased(row, bias, at), maximums), least, scale, magic, c1, c2, c3, c4, c5, c0);
    sums = f32x4.add(sums, term);
    if (keep) v128.store(row + at, term);
  }
  if (lookAhead) {
    nextMaximum = laneMaximum(greatest);
    for (let tail = at; tail < bytes; tail += 4) nextMaximum = max(nextMaximum, scalarBiased(next, bias, tail));
  }
  let sum = laneSum(sums);
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    let x = loadPartial(row + at, lanes);
    if (bias != 0) x = f32x4.add(x, loadPartial(bias + at, lanes));
    const terms = quickExponential(f32x4.sub(x, maximums));
    sum += f32x4.extract_lane(terms, 0);
    if (lanes > 1) sum += f32x4.extract_lane(terms, 1);
    if (lanes > 2) sum += f32x4.extract_lane(terms, 2);
    if (keep) storePartial(row + at, terms, lanes);
  }
  return sum;
}

function exponentiateRowBefore(next: usize, row: usize, bias: usize, bytes: usize, maximum: f32): f32 {
  return sumOfExponentials(row, bias, bytes, maximum, next, true, true);
}

function exponentiateRow(row: usize, bias: usize, bytes: usize, maximum: f32): f32 {
  return sumOfExponentials(row, bias, bytes, maximum, 0, false, true);
}

export function sumExponentialsOfRow(row: usize, bias: usize, bytes: usize, maximum: f32): f32 {
  return sumOfExponentials(row, bias, bytes, maximum, 0, false, false);
}

/** row = row * factor - shift, which is also added to `sums` unless that is 0. */
// @ts-ignore: decorator
@inline
function scaleRowInto(row: usize, sums: usize, bytes: usize, factor: f32, shift: f32): void {
  const whole = bytes & ~15;
  const factors = f32x4.splat(factor);
  const shifts = f32x4.splat(shift);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const scaled = f32x4.sub(f32x4.mul(factors, v128.load(row + at)), shifts);
    v128.store(row + at, scaled);
    if (sums != 0) v128.store(sums + at, f32x4.add(v128.load(sums + at), scaled));
  }
  for (; at < bytes; at += 4) {
    const scaled = factor * load<f32>(row + at) - shift;
    store<f32>(row + at, scaled);
    if (sums != 0) store<f32>(sums + at, load<f32>(sums + at) + scaled);
  }
}

function scaleRow(row: usize, bytes: usize, factor: f32, shift: f32): void {
  scaleRowInto(row, 0, bytes, factor, shift);
}

function scaleAndSumRow(row: usize, sums: usize, bytes: usize, factor: f32, shift: f32): void {
  scaleRowInto(row, sums, bytes, factor, shift);
}

export function softmaxCrossEntropy(
  logits: usize,
  bias: usize,
  targets: usize,
  losses: usize,
  logProbabilities: usize,
  biasGradient: usize,
  rows: usize,
  columns: usize,
  smoothing: f64,
  gradientScale: f64,
): void {
  const bytes = columns << 2;
  const rest = <f32>(1.0 - smoothing);
  const smooth = <f32>smoothing;
  let maximum = rowMaximum(logits, bias, bytes);
  for (let index: usize = 0; index < rows; index++) {
    const row = logits + index * bytes;
    const target = <usize>load<u32>(targets + (index << 2)) << 2;
    const targetLogit = scalarBiased(row, bias, target);
    const isLast = index + 1 == rows;
    const mean = smoothing == 0 ? <f32>0 : rowSum(row, bias, bytes) / <f32>columns;
    let total: f32;
    let following: f32 = 0;
    if (gradientScale == 0) {
      total = sumExponentialsOfRow(row, bias, bytes, maximum);
      if (!isLast) following = rowMaximum(row + bytes, bias, bytes);
    } else if (isLast) {
      total = exponentiateRow(row, bias, bytes, maximum);
    } else {
      total = exponentiateRowBefore(row + bytes, row, bias, bytes, maximum);
      following = nextMaximum;
    }
    const logTotal = scalarLogarithm(total);
    const targetLoss = logTotal - (targetLogit - maximum);
    const loss = smoothing == 0 ? targetLoss : rest * targetLoss + smooth * (logTotal - (mean - maximum));
    store<f32>(losses + (index << 2), loss);
    if (logProbabilities != 0) store<f32>(logProbabilities + (index << 2), -targetLoss);
    if (gradientScale != 0) {
      const factor = <f32>(gradientScale / <f64>total);
      const shift = <f32>((gradientScale * smoothing) / <f64>columns);
      const atTarget = <f32>(gradientScale * (1.0 - smoothing));
      store<f32>(row + target, load<f32>(row + target) - atTarget / factor);
      if (biasGradient == 0) scaleRow(row, bytes, factor, shift);
      else scaleAndSumRow(row, biasGradient, bytes, factor, shift);
    }
    maximum = following;
  }
}

export function softmaxSliceSums(
  logits: usize,
  bias: usize,
  targets: usize,
  sums: usize,
  rows: usize,
  columns: usize,
  withSum: bool,
): void {
  const bytes = columns << 2;
  for (let index: usize = 0; index < rows; index++) {
    const row = logits + index * bytes;
    const target = <i32>load<u32>(targets + (index << 2));
    const rowSums = sums + (index << 4);
    const targetLogit = target < 0 ? <f32>0 : scalarBiased(row, bias, <usize>target << 2);
    const sum = withSum ? rowSum(row, bias, bytes) : <f32>0;
    const maximum = rowMaximum(row, bias, bytes);
    store<f32>(rowSums, maximum);
    store<f32>(rowSums, exponentiateRow(row, bias, bytes, maximum), 4);
    store<f32>(rowSums, sum, 8);
    store<f32>(rowSums, targetLogit, 12);
  }
}

export function softmaxSliceGradient(
  terms: usize,
  targets: usize,
  factors: usize,
  biasGradient: usize,
  rows: usize,
  columns: usize,
  atTarget: f64,
  shift: f64,
): void {
  const bytes = columns << 2;
  for (let index: usize = 0; index < rows; index++) {
    const row = terms + index * bytes;
    const target = <i32>load<u32>(targets + (index << 2));
    scaleAndSumRow(row, biasGradient, bytes, load<f32>(factors + (index << 2)), <f32>shift);
    if (target < 0) continue;
    const at = <usize>target << 2;
    store<f32>(row + at, load<f32>(row + at) - <f32>atTarget);
    store<f32>(biasGradient + at, load<f32>(biasGradient + at) - <f32>atTarget);
  }
}

export function logSoftmax(logits: usize, bias: usize, rows: usize, columns: usize): void {
  const bytes = columns << 2;
  const whole = bytes & ~15;
  for (let index: usize = 0; index < rows; index++) {
    const row = logits + index * bytes;
    const maximum = rowMaximum(row, bias, bytes);
    const logTotal = scalarLogarithm(sumExponentialsOfRow(row, bias, bytes, maximum));
    const maximums = f32x4.splat(maximum);
    const logTotals = f32x4.splat(logTotal);
    let at: usize = 0;
    for (; at < whole; at += 16) v128.store(row + at, f32x4.sub(f32x4.sub(biased(row, bias, at), maximums), logTotals));
    for (; at < bytes; at += 4) store<f32>(row + at, scalarBiased(row, bias, at) - maximum - logTotal);
  }
}
