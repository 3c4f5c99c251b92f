import { loadPartial, storePartial } from './math';

// @ts-ignore: decorator
@inline
export function mix(value: u32): u32 {
  let x = value;
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = (x ^ (x >> 15)) * 0x846ca68b;
  return x ^ (x >> 16);
}

// @ts-ignore: decorator
@inline
export function mixVector(value: v128): v128 {
  let x = value;
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(0x7feb352d));
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(x, i32x4.shr_u(x, 16));
}

export function dropout(y: usize, x: usize, rowKeys: usize, rows: usize, columns: usize, rate: f64, key: u32): void {
  const bytes = columns << 2;
  const whole = bytes & ~15;
  if (rate >= 1) {
    memory.fill(y, 0, rows * bytes);
    return;
  }
  const threshold = i32x4.splat(<u32>Math.ceil(rate * 4294967296.0));
  const factor = f32x4.splat(<f32>(1.0 / (1.0 - rate)));
  const golden: u32 = 0x9e3779b9;
  const step = i32x4.splat(golden * 4);
  const first = i32x4(0, golden, golden * 2, golden * 3);
  for (let row: usize = 0; row < rows; row++) {
    let counter = i32x4.add(i32x4.splat(mix(key ^ load<u32>(rowKeys + (row << 2)))), first);
    const from = x + row * bytes;
    const to = y + row * bytes;
    let at: usize = 0;
    for (; at < whole; at += 16) {
      const keep = i32x4.ge_u(mixVector(counter), threshold);
      v128.store(to + at, v128.and(f32x4.mul(v128.load(from + at), factor), keep));
      counter = i32x4.add(counter, step);
    }
    if (at < bytes) {
      const lanes = (bytes - at) >> 2;
      const keep = i32x4.ge_u(mixVector(counter), threshold);
      storePartial(to + at, v128.and(f32x4.mul(loadPartial(from + at, lanes), factor), keep), lanes);
    }
  }
}
