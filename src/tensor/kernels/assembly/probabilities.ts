// Rows of attention's scores, probabilities and gradients, of which the last vector may be read and written whole.
import { mixVector } from './dropout';
import {
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
  zero,
} from './math';

/** The lanes below `lanes`. */
// @ts-ignore: decorator
@inline
function laneMask(lanes: usize): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>lanes));
}

/** What `probabilitiesOfRow` found on the way: the greatest score, and the sum of exponentials of what others are below it. */
export let greatestScore: f32 = 0;
export let sumOfTerms: f32 = 0;

/** The first `count` of a row of `width` scores become their softmax, times `scale` first, the rest 0. */
export function probabilitiesOfRow(row: usize, count: usize, width: usize, scale: f32): void {
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
  greatestScore = maximum;
  sumOfTerms = sum;
}

export const golden: u32 = 0x9e3779b9;

/** Drops probabilities; see `dropout` for the draw. */
export function dropRow(row: usize, count: usize, hash: u32, threshold: u32, factor: f32): void {
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

export function plainGradientOfRow(row: usize, gradients: usize, count: usize, width: usize, scale: f32, logSum: f32, delta: f32): void {
  gradientOfRow(row, gradients, count, width, scale, logSum, delta, false, 0, 0, 1);
}

export function droppedGradientOfRow(
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
