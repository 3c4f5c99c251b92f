import {
  laneSum,
  loadPartial,
  log2OfE,
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
  storePartial,
  zero,
} from './math';
import { rowMaximum, rowSum } from './softmax';

/** What `sumsOf` found: sums of e^x and e^y, and of e^x (x - y) and e^y (y - x), of two rows less their greatest. */
let total: f32 = 0;
let twinTotal: f32 = 0;
let divergence: f32 = 0;
let twinDivergence: f32 = 0;

/** Logits of a row, its bias added; zeros beyond the end. */
// @ts-ignore: decorator
@inline
function biased(row: usize, bias: usize, at: usize, bytes: usize): v128 {
  if (bytes - at >= 16) return f32x4.add(v128.load(row + at), v128.load(bias + at));
  const lanes = (bytes - at) >> 2;
  return f32x4.add(loadPartial(row + at, lanes), loadPartial(bias + at, lanes));
}

/** All bits of the lanes that are within the row. */
// @ts-ignore: decorator
@inline
function within(at: usize, bytes: usize): v128 {
  return i32x4.lt_s(i32x4(0, 4, 8, 12), i32x4.splat(<i32>(bytes - at)));
}

function sumsOf(row: usize, twin: usize, bias: usize, bytes: usize, maximum: f32, twinMaximum: f32): void {
  const maxima = f32x4.splat(maximum);
  const twinMaxima = f32x4.splat(twinMaximum);
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
  let twinSums = zero();
  let products = zero();
  let twinProducts = zero();
  for (let at: usize = 0; at < bytes; at += 16) {
    const kept = within(at, bytes);
    const x = f32x4.sub(biased(row, bias, at, bytes), maxima);
    const y = f32x4.sub(biased(twin, bias, at, bytes), twinMaxima);
    const difference = f32x4.sub(x, y);
    const p = v128.and(kept, quickExponentialOf(x, least, scale, magic, c1, c2, c3, c4, c5, c0));
    const q = v128.and(kept, quickExponentialOf(y, least, scale, magic, c1, c2, c3, c4, c5, c0));
    sums = f32x4.add(sums, p);
    twinSums = f32x4.add(twinSums, q);
    products = f32x4.add(products, f32x4.mul(p, difference));
    twinProducts = f32x4.sub(twinProducts, f32x4.mul(q, difference));
  }
  total = laneSum(sums);
  twinTotal = laneSum(twinSums);
  divergence = laneSum(products);
  twinDivergence = laneSum(twinProducts);
}

/**
 * Replaces both rows by the gradients of their loss. By the logits of p, that of KL(p || q) + KL(q || p) is
 *   p (log p - log q - KL(p || q)) + p - q
 * so that a row becomes factor (p (1 + weight (1 + log p - log q - KL(p || q))) - weight q) - shift. `own` is 1 + weight (1 - KL(p || q)),
 * `twinOwn` likewise; the logarithms of both sums are `logTotal` and `twinLogTotal`.
 */
function gradients(
  row: usize,
  twin: usize,
  bias: usize,
  biasGradient: usize,
  bytes: usize,
  maximum: f32,
  twinMaximum: f32,
  logTotal: f32,
  twinLogTotal: f32,
  factor: f32,
  weight: f32,
  own: f32,
  twinOwn: f32,
  shift: f32,
): void {
  const maxima = f32x4.splat(maximum);
  const twinMaxima = f32x4.splat(twinMaximum);
  const logTotals = f32x4.splat(logTotal);
  const twinLogTotals = f32x4.splat(twinLogTotal);
  const weights = f32x4.splat(factor * weight);
  const owns = f32x4.splat(factor * own);
  const twinOwns = f32x4.splat(factor * twinOwn);
  const shifts = f32x4.splat(shift);
  const least = quickLeast;
  const scale = log2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  for (let at: usize = 0; at < bytes; at += 16) {
    // Before the logarithm is subtracted the numbers are small, and so is what rounding loses.
    const x = f32x4.sub(f32x4.sub(biased(row, bias, at, bytes), maxima), logTotals);
    const y = f32x4.sub(f32x4.sub(biased(twin, bias, at, bytes), twinMaxima), twinLogTotals);
    const p = quickExponentialOf(x, least, scale, magic, c1, c2, c3, c4, c5, c0);
    const q = quickExponentialOf(y, least, scale, magic, c1, c2, c3, c4, c5, c0);
    const differences = f32x4.mul(weights, f32x4.sub(x, y));
    const dx = f32x4.sub(f32x4.sub(f32x4.mul(p, f32x4.add(owns, differences)), f32x4.mul(weights, q)), shifts);
    const dy = f32x4.sub(f32x4.sub(f32x4.mul(q, f32x4.sub(twinOwns, differences)), f32x4.mul(weights, p)), shifts);
    const both = f32x4.add(dx, dy);
    if (bytes - at >= 16) {
      v128.store(row + at, dx);
      v128.store(twin + at, dy);
      if (biasGradient != 0) v128.store(biasGradient + at, f32x4.add(v128.load(biasGradient + at), both));
    } else {
      const lanes = (bytes - at) >> 2;
      storePartial(row + at, dx, lanes);
      storePartial(twin + at, dy, lanes);
      if (biasGradient != 0) storePartial(biasGradient + at, f32x4.add(loadPartial(biasGradient + at, lanes), both), lanes);
    }
  }
}

function subtract(address: usize, value: f32): void {
  store<f32>(address, load<f32>(address) - value);
}

export function consistentCrossEntropy(
  logits: usize,
  twinLogits: usize,
  bias: usize,
  targets: usize,
  losses: usize,
  logProbabilities: usize,
  biasGradient: usize,
  rows: usize,
  columns: usize,
  smoothing: f64,
  consistency: f64,
  gradientScale: f64,
): void {
  const bytes = columns << 2;
  const smooth = <f32>smoothing;
  const half = <f32>(gradientScale / 2);
  const weight = <f32>(consistency / 2);
  const shift = <f32>((gradientScale * smoothing) / 2 / <f64>columns);
  const atTarget = <f32>((gradientScale / 2) * (1.0 - smoothing));
  for (let index: usize = 0; index < rows; index++) {
    const row = logits + index * bytes;
    const twin = twinLogits + index * bytes;
    const target = <usize>load<u32>(targets + (index << 2)) << 2;
    const maximum = rowMaximum(row, bias, bytes);
    const twinMaximum = rowMaximum(twin, bias, bytes);
    sumsOf(row, twin, bias, bytes, maximum, twinMaximum);
    const logTotal = scalarLogarithm(total);
    const twinLogTotal = scalarLogarithm(twinTotal);
    // x - y is log p - log q but for the logarithms of the sums.
    const fromFirst = divergence / total - (logTotal - twinLogTotal);
    const fromSecond = twinDivergence / twinTotal - (twinLogTotal - logTotal);
    const biasAtTarget = load<f32>(bias + target);
    const logProbability = load<f32>(row + target) + biasAtTarget - maximum - logTotal;
    const twinLogProbability = load<f32>(twin + target) + biasAtTarget - twinMaximum - twinLogTotal;
    const targetLoss = -(logProbability + twinLogProbability) / 2;
    let loss = targetLoss;
    if (smoothing != 0) {
      const mean = rowSum(row, bias, bytes) / <f32>columns - maximum - logTotal;
      const twinMean = rowSum(twin, bias, bytes) / <f32>columns - twinMaximum - twinLogTotal;
      loss = (1 - smooth) * targetLoss - (smooth * (mean + twinMean)) / 2;
    }
    store<f32>(losses + (index << 2), loss + (weight * (fromFirst + fromSecond)) / 2);
    store<f32>(logProbabilities + (index << 2), -targetLoss);
    if (gradientScale == 0) continue;
    const own: f32 = <f32>1 + weight * (1 - fromFirst);
    const twinOwn: f32 = <f32>1 + weight * (1 - fromSecond);
    gradients(row, twin, bias, biasGradient, bytes, maximum, twinMaximum, logTotal, twinLogTotal, half, weight, own, twinOwn, shift);
    subtract(row + target, atTarget);
    subtract(twin + target, atTarget);
    if (biasGradient != 0) subtract(biasGradient + target, 2 * atTarget);
  }
}
