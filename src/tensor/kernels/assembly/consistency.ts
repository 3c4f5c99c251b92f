import { laneSum, loadPartial, log2OfE, one, quick1, quick2, quick3, quick4, quick5, quickExponentialOf, quickLeast, rounder, scalarLogarithm, storePartial, zero } from './math';
import { rowMaximum, rowSum, sumExponentialsOfRow } from './softmax';

/** What `divergences` found: KL(p || q) and KL(q || p) of a row. */
let fromFirst: f32 = 0;
let fromSecond: f32 = 0;

/** Of the predictions p = exp(row + bias - logTotal) and q, likewise of `twin`. */
function divergences(row: usize, twin: usize, bias: usize, bytes: usize, logTotal: f32, twinLogTotal: f32): void {
  const whole = bytes & ~15;
  const totals = f32x4.splat(logTotal);
  const twinTotals = f32x4.splat(twinLogTotal);
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
  for (let at: usize = 0; at < bytes; at += 16) {
    const lanes = (bytes - at) >> 2;
    const biases = bias == 0 ? zero() : at < whole ? v128.load(bias + at) : loadPartial(bias + at, lanes);
    const x = f32x4.sub(f32x4.add(at < whole ? v128.load(row + at) : loadPartial(row + at, lanes), biases), totals);
    const y = f32x4.sub(f32x4.add(at < whole ? v128.load(twin + at) : loadPartial(twin + at, lanes), biases), twinTotals);
    const difference = f32x4.sub(x, y);
    let terms = f32x4.mul(quickExponentialOf(x, least, scale, magic, c1, c2, c3, c4, c5, c0), difference);
    let twinTerms = f32x4.mul(quickExponentialOf(y, least, scale, magic, c1, c2, c3, c4, c5, c0), difference);
    if (at >= whole) {
      const kept = firstLanes(lanes);
      terms = v128.and(terms, kept);
      twinTerms = v128.and(twinTerms, kept);
    }
    sums = f32x4.add(sums, terms);
    twinSums = f32x4.sub(twinSums, twinTerms);
  }
  fromFirst = laneSum(sums);
  fromSecond = laneSum(twinSums);
}

/** All bits of the first 1 to 3 lanes. */
function firstLanes(lanes: usize): v128 {
  if (lanes == 1) return i32x4(-1, 0, 0, 0);
  return lanes == 2 ? i32x4(-1, -1, 0, 0) : i32x4(-1, -1, -1, 0);
}

/**
 * Replaces both rows by scale (p (1 + weight (log p - log q - KL(p || q) + 1)) - weight q) - shift, q likewise. The gradient of
 * KL(p || q) + KL(q || p) by the logits of p is p (log p - log q - KL(p || q)) + p - q.
 */
function gradients(
  row: usize,
  twin: usize,
  bias: usize,
  biasGradient: usize,
  bytes: usize,
  logTotal: f32,
  twinLogTotal: f32,
  factor: f32,
  weight: f32,
  shift: f32,
): void {
  const whole = bytes & ~15;
  const totals = f32x4.splat(logTotal);
  const twinTotals = f32x4.splat(twinLogTotal);
  const factors = f32x4.splat(factor * weight);
  const shifts = f32x4.splat(shift);
  const own = f32x4.splat(factor * (1 + weight * (1 - fromFirst)));
  const twinOwn = f32x4.splat(factor * (1 + weight * (1 - fromSecond)));
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
    const isWhole = at < whole;
    const lanes = (bytes - at) >> 2;
    const biases = bias == 0 ? zero() : isWhole ? v128.load(bias + at) : loadPartial(bias + at, lanes);
    const x = f32x4.sub(f32x4.add(isWhole ? v128.load(row + at) : loadPartial(row + at, lanes), biases), totals);
    const y = f32x4.sub(f32x4.add(isWhole ? v128.load(twin + at) : loadPartial(twin + at, lanes), biases), twinTotals);
    const p = quickExponentialOf(x, least, scale, magic, c1, c2, c3, c4, c5, c0);
    const q = quickExponentialOf(y, least, scale, magic, c1, c2, c3, c4, c5, c0);
    const differences = f32x4.mul(factors, f32x4.sub(x, y));
    const dx = f32x4.sub(f32x4.sub(f32x4.mul(p, f32x4.add(own, differences)), f32x4.mul(factors, q)), shifts);
    const dy = f32x4.sub(f32x4.sub(f32x4.mul(q, f32x4.sub(twinOwn, differences)), f32x4.mul(factors, p)), shifts);
    const both = f32x4.add(dx, dy);
    if (isWhole) {
      v128.store(row + at, dx);
      v128.store(twin + at, dy);
      if (biasGradient != 0) v128.store(biasGradient + at, f32x4.add(v128.load(biasGradient + at), both));
    } else {
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
  const shift = <f32>((gradientScale * smoothing) / 2 / <f64>columns);
  const atTarget = <f32>((gradientScale / 2) * (1.0 - smoothing));
  for (let index: usize = 0; index < rows; index++) {
    const row = logits + index * bytes;
    const twin = twinLogits + index * bytes;
    const target = <usize>load<u32>(targets + (index << 2)) << 2;
    const maximum = rowMaximum(row, bias, bytes);
    const twinMaximum = rowMaximum(twin, bias, bytes);
    const logTotal = maximum + scalarLogarithm(sumExponentialsOfRow(row, bias, bytes, maximum));
    const twinLogTotal = twinMaximum + scalarLogarithm(sumExponentialsOfRow(twin, bias, bytes, twinMaximum));
    const targetBias = bias == 0 ? <f32>0 : load<f32>(bias + target);
    const targetLoss = (logTotal + twinLogTotal - load<f32>(row + target) - load<f32>(twin + target)) / 2 - targetBias;
    const mean = smoothing == 0 ? <f32>0 : (rowSum(row, bias, bytes) + rowSum(twin, bias, bytes)) / <f32>columns;
    const smoothed = smoothing == 0 ? targetLoss : (1 - smooth) * targetLoss + (smooth * (logTotal + twinLogTotal - mean)) / 2;
    divergences(row, twin, bias, bytes, logTotal, twinLogTotal);
    store<f32>(losses + (index << 2), smoothed + (<f32>consistency * (fromFirst + fromSecond)) / 4);
    if (logProbabilities != 0) store<f32>(logProbabilities + (index << 2), -targetLoss);
    if (gradientScale == 0) continue;
    gradients(row, twin, bias, biasGradient, bytes, logTotal, twinLogTotal, half, <f32>(consistency / 2), shift);
    subtract(row + target, atTarget);
    subtract(twin + target, atTarget);
    if (biasGradient != 0) subtract(biasGradient + target, 2 * atTarget);
  }
}
