import { addArray, addMultiple as addMultipleOfArray, exponential, loadPartial, logarithm, madd, storePartial, tanhOfArray, zero } from './math';

export function fill(y: usize, value: f64, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const values = f32x4.splat(<f32>value);
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, values);
  if (at < bytes) storePartial(y + at, values, (bytes - at) >> 2);
}

export function copy(y: usize, x: usize, bytes: usize): void {
  memory.copy(y, x, bytes);
}

export function add(y: usize, x: usize, count: usize): void {
  addArray(y, x, count);
}

export function addMultiple(y: usize, x: usize, factor: f64, count: usize): void {
  addMultipleOfArray(y, x, <f32>factor, count);
}

export function sum(y: usize, a: usize, b: usize, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(y + at, f32x4.add(loadPartial(a + at, lanes), loadPartial(b + at, lanes)), lanes);
  }
}

export function tanh(y: usize, x: usize, count: usize): void {
  tanhOfArray(y, x, count);
}

// @ts-ignore: decorator
@inline
function withTanhGradient(dx: v128, y: v128, dy: v128): v128 {
  return madd(dy, f32x4.sub(f32x4.splat(1), f32x4.mul(y, y)), dx);
}

export function tanhGradient(dx: usize, y: usize, dy: usize, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    v128.store(dx + at, withTanhGradient(v128.load(dx + at), v128.load(y + at), v128.load(dy + at)));
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    const gradient = withTanhGradient(loadPartial(dx + at, lanes), loadPartial(y + at, lanes), loadPartial(dy + at, lanes));
    storePartial(dx + at, gradient, lanes);
  }
}

export function addBias(y: usize, bias: usize, rows: usize, columns: usize): void {
  for (let row: usize = 0; row < rows; row++) addArray(y + ((row * columns) << 2), bias, columns);
}

export function addColumnSums(sums: usize, x: usize, rows: usize, columns: usize): void {
  for (let row: usize = 0; row < rows; row++) addArray(sums, x + ((row * columns) << 2), columns);
}

export function sumOfSquares(x: usize, count: usize): f64 {
  const bytes = count << 2;
  const whole = bytes & ~31;
  // Four sums: an addition waits for the one before it.
  let sum0 = zero();
  let sum1 = zero();
  let sum2 = zero();
  let sum3 = zero();
  let at: usize = 0;
  for (; at < whole; at += 32) {
    const values0 = f64x2.promote_low_f32x4(v128.load64_zero(x + at));
    const values1 = f64x2.promote_low_f32x4(v128.load64_zero(x + at, 8));
    const values2 = f64x2.promote_low_f32x4(v128.load64_zero(x + at, 16));
    const values3 = f64x2.promote_low_f32x4(v128.load64_zero(x + at, 24));
    sum0 = f64x2.add(sum0, f64x2.mul(values0, values0));
    sum1 = f64x2.add(sum1, f64x2.mul(values1, values1));
    sum2 = f64x2.add(sum2, f64x2.mul(values2, values2));
    sum3 = f64x2.add(sum3, f64x2.mul(values3, values3));
  }
  const both = f64x2.add(f64x2.add(sum0, sum1), f64x2.add(sum2, sum3));
  let total = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  for (; at < bytes; at += 4) {
    const value = <f64>load<f32>(x + at);
    total += value * value;
  }
  return total;
}

/** y += x, x = 0 for two floats; gives the squares of the new y. */
// @ts-ignore: decorator
@inline
function movePair(y: usize, x: usize): v128 {
  const sum = f32x4.add(v128.load64_zero(y), v128.load64_zero(x));
  v128.store_lane<i64>(y, sum, 0);
  v128.store_lane<i64>(x, zero(), 0);
  const wide = f64x2.promote_low_f32x4(sum);
  return f64x2.mul(wide, wide);
}

export function moveGradient(y: usize, x: usize, count: usize): f64 {
  const bytes = count << 2;
  const whole = bytes & ~31;
  let sum0 = zero();
  let sum1 = zero();
  let sum2 = zero();
  let sum3 = zero();
  let at: usize = 0;
  for (; at < whole; at += 32) {
    sum0 = f64x2.add(sum0, movePair(y + at, x + at));
    sum1 = f64x2.add(sum1, movePair(y + at + 8, x + at + 8));
    sum2 = f64x2.add(sum2, movePair(y + at + 16, x + at + 16));
    sum3 = f64x2.add(sum3, movePair(y + at + 24, x + at + 24));
  }
  const both = f64x2.add(f64x2.add(sum0, sum1), f64x2.add(sum2, sum3));
  let total = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  for (; at < bytes; at += 4) {
    const moved = load<f32>(y + at) + load<f32>(x + at);
    store<f32>(y + at, moved);
    store<f32>(x + at, 0);
    total += <f64>moved * <f64>moved;
  }
  return total;
}

export function exp(y: usize, x: usize, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, unboundedExponential(v128.load(x + at)));
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(y + at, unboundedExponential(loadPartial(x + at, lanes)), lanes);
  }
}

// @ts-ignore: decorator
@inline
function unboundedExponential(x: v128): v128 {
  return v128.bitselect(f32x4.splat(Infinity), exponential(x), f32x4.gt(x, f32x4.splat(88.7228)));
}

export function logScaled(y: usize, x: usize, factor: f64, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const factors = f32x4.splat(<f32>factor);
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, logarithm(f32x4.mul(factors, v128.load(x + at))));
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(y + at, logarithm(f32x4.mul(factors, loadPartial(x + at, lanes))), lanes);
  }
}
