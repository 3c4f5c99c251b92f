import { addArray, loadPartial, madd, storePartial, zero } from './math';

function descend(value: usize, gradient: usize, count: usize, step: f32): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const steps = f32x4.splat(-step);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    v128.store(value + at, madd(steps, v128.load(gradient + at), v128.load(value + at)));
    v128.store(gradient + at, zero());
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(value + at, madd(steps, loadPartial(gradient + at, lanes), loadPartial(value + at, lanes)), lanes);
    storePartial(gradient + at, zero(), lanes);
  }
}

export function sgdUpdate(value: usize, gradient: usize, count: usize, rate: f64, factor: f64): void {
  descend(value, gradient, count, <f32>(rate * factor));
}

export function sgdUpdateRows(
  value: usize,
  table: usize,
  touched: usize,
  touchedCount: usize,
  slots: usize,
  columns: usize,
  rate: f64,
  factor: f64,
): void {
  const bytes = columns << 2;
  const step = <f32>(rate * factor);
  for (let slot: usize = 0; slot < touchedCount; slot++) {
    const id = <usize>load<u32>(touched + (slot << 2));
    descend(value + id * bytes, table + slot * bytes, columns, step);
    store<i32>(slots + (id << 2), -1);
  }
}

// @ts-ignore: decorator
@inline
function read(address: usize, lanes: usize): v128 {
  return lanes == 4 ? v128.load(address) : loadPartial(address, lanes);
}

// @ts-ignore: decorator
@inline
function write(address: usize, value: v128, lanes: usize): void {
  if (lanes == 4) v128.store(address, value);
  else storePartial(address, value, lanes);
}

// @ts-ignore: decorator
@inline
function adamStep(
  value: usize,
  gradient: usize,
  first: usize,
  second: usize,
  lanes: usize,
  factor: v128,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  rate: v128,
  correction2: v128,
  epsilon: v128,
  kept: v128,
): void {
  const g = f32x4.mul(factor, read(gradient, lanes));
  const m = madd(beta1, read(first, lanes), f32x4.mul(rest1, g));
  const v = madd(beta2, read(second, lanes), f32x4.mul(rest2, f32x4.mul(g, g)));
  const root = f32x4.add(f32x4.sqrt(f32x4.mul(v, correction2)), epsilon);
  const step = f32x4.div(f32x4.mul(rate, m), root);
  write(value, f32x4.sub(f32x4.mul(kept, read(value, lanes)), step), lanes);
  write(first, m, lanes);
  write(second, v, lanes);
  write(gradient, zero(), lanes);
}

export function adamUpdate(
  value: usize,
  gradient: usize,
  first: usize,
  second: usize,
  count: usize,
  rate: f64,
  factor: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  correction1: f64,
  correction2: f64,
  decay: f64,
): void {
  // 1 - beta is taken in 64 bits: in 32 bits it is wrong in the fifth digit for beta = 0.999.
  const factors = f32x4.splat(<f32>factor);
  const beta1s = f32x4.splat(<f32>beta1);
  const rest1 = f32x4.splat(<f32>(1.0 - beta1));
  const beta2s = f32x4.splat(<f32>beta2);
  const rest2 = f32x4.splat(<f32>(1.0 - beta2));
  const rates = f32x4.splat(<f32>(rate * correction1));
  const corrections = f32x4.splat(<f32>correction2);
  const epsilons = f32x4.splat(<f32>epsilon);
  const kept = f32x4.splat(<f32>(1.0 - rate * decay));
  const bytes = count << 2;
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    adamStep(value + at, gradient + at, first + at, second + at, 4, factors, beta1s, rest1, beta2s, rest2, rates, corrections, epsilons, kept);
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    adamStep(value + at, gradient + at, first + at, second + at, lanes, factors, beta1s, rest1, beta2s, rest2, rates, corrections, epsilons, kept);
  }
}

export function scatterTouchedRows(dense: usize, table: usize, touched: usize, touchedCount: usize, slots: usize, columns: usize): void {
  const bytes = columns << 2;
  for (let slot: usize = 0; slot < touchedCount; slot++) {
    const id = <usize>load<u32>(touched + (slot << 2));
    addArray(dense + id * bytes, table + slot * bytes, columns);
    store<i32>(slots + (id << 2), -1);
  }
}

export function adamUpdateRows(
  value: usize,
  table: usize,
  touched: usize,
  touchedCount: usize,
  slots: usize,
  first: usize,
  second: usize,
  columns: usize,
  rate: f64,
  factor: f64,
  beta1: f64,
  beta2: f64,
  epsilon: f64,
  correction1: f64,
  correction2: f64,
  decay: f64,
): void {
  const bytes = columns << 2;
  for (let slot: usize = 0; slot < touchedCount; slot++) {
    const id = <usize>load<u32>(touched + (slot << 2));
    const offset = id * bytes;
    adamUpdate(
      value + offset,
      table + slot * bytes,
      first + offset,
      second + offset,
      columns,
      rate,
      factor,
      beta1,
      beta2,
      epsilon,
      correction1,
      correction2,
      decay,
    );
    store<i32>(slots + (id << 2), -1);
  }
}
