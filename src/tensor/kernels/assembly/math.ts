// Vectors of four 32-bit floats: partial loads and stores, fused multiply-add where the runtime has it, and the
// elementary functions. Loops elsewhere count an offset up to a length and never compare end addresses, because an array
// that ends at 4 GiB ends at address 0.

/** a b + c; rounded once with relaxed SIMD on processors that can. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline
export function zero(): v128 {
  return i32x4.splat(0);
}

/** The first `lanes` (1 to 3) floats at an address; the others are 0. */
export function loadPartial(address: usize, lanes: usize): v128 {
  if (lanes == 1) return v128.load32_zero(address);
  const two = v128.load64_zero(address);
  return lanes == 2 ? two : v128.load_lane<f32>(address + 8, two, 2);
}

/** Stores the first `lanes` (1 to 3) floats. */
export function storePartial(address: usize, value: v128, lanes: usize): void {
  if (lanes == 1) {
    v128.store_lane<f32>(address, value, 0);
    return;
  }
  v128.store_lane<i64>(address, value, 0);
  if (lanes == 3) v128.store_lane<f32>(address + 8, value, 2);
}

/** (lane 0 + lane 2) + (lane 1 + lane 3) */
// @ts-ignore: decorator
@inline
export function laneSum(x: v128): f32 {
  const pairs = f32x4.add(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

// @ts-ignore: decorator
@inline
export function laneMaximum(x: v128): f32 {
  const pairs = f32x4.max(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

// Constants of the functions below. They are variables that `prepare` sets: an engine builds a v128 literal anew in every
// turn of a loop (Node 24: half the speed), while a global is one load. A table in memory would need a place of its own.
export let one: v128 = i32x4(0, 0, 0, 0);
let exponentialLeast: v128 = i32x4(0, 0, 0, 0);
let exponentialGreatest: v128 = i32x4(0, 0, 0, 0);
export let quickGreatest: v128 = i32x4(0, 0, 0, 0);
export let quickLeast: v128 = i32x4(0, 0, 0, 0);
export let quick1: v128 = i32x4(0, 0, 0, 0);
export let quick2: v128 = i32x4(0, 0, 0, 0);
export let quick3: v128 = i32x4(0, 0, 0, 0);
export let quick4: v128 = i32x4(0, 0, 0, 0);
export let quick5: v128 = i32x4(0, 0, 0, 0);
export let rounder: v128 = i32x4(0, 0, 0, 0);
export let log2OfE: v128 = i32x4(0, 0, 0, 0);
export let minusLog2OfE: v128 = i32x4(0, 0, 0, 0);
let minusLn2High: v128 = i32x4(0, 0, 0, 0);
let minusLn2Low: v128 = i32x4(0, 0, 0, 0);
let exponential0: v128 = i32x4(0, 0, 0, 0);
let exponential1: v128 = i32x4(0, 0, 0, 0);
let exponential2: v128 = i32x4(0, 0, 0, 0);
let exponential3: v128 = i32x4(0, 0, 0, 0);
let exponential4: v128 = i32x4(0, 0, 0, 0);
let exponential5: v128 = i32x4(0, 0, 0, 0);
let tanhGreatest: v128 = i32x4(0, 0, 0, 0);
let tanhLeast: v128 = i32x4(0, 0, 0, 0);
let tanhP1: v128 = i32x4(0, 0, 0, 0);
let tanhP3: v128 = i32x4(0, 0, 0, 0);
let tanhP5: v128 = i32x4(0, 0, 0, 0);
let tanhP7: v128 = i32x4(0, 0, 0, 0);
let tanhP9: v128 = i32x4(0, 0, 0, 0);
let tanhP11: v128 = i32x4(0, 0, 0, 0);
let tanhP13: v128 = i32x4(0, 0, 0, 0);
let tanhQ0: v128 = i32x4(0, 0, 0, 0);
let tanhQ2: v128 = i32x4(0, 0, 0, 0);
let tanhQ4: v128 = i32x4(0, 0, 0, 0);
let tanhQ6: v128 = i32x4(0, 0, 0, 0);

/** Sets the constants; once for each instance, before any other call. */
export function prepareMath(): void {
  one = f32x4.splat(1);
  exponentialLeast = f32x4.splat(-87.33);
  exponentialGreatest = f32x4.splat(88.72);
  quickGreatest = f32x4.splat(64);
  quickLeast = f32x4.splat(-64);
  quick1 = f32x4.splat(6.931470037e-1);
  quick2 = f32x4.splat(2.402224243e-1);
  quick3 = f32x4.splat(5.550733954e-2);
  quick4 = f32x4.splat(9.671513923e-3);
  quick5 = f32x4.splat(1.326471451e-3);
  rounder = f32x4.splat(12582912);
  log2OfE = f32x4.splat(1.44269504);
  minusLog2OfE = f32x4.splat(-1.44269504);
  minusLn2High = f32x4.splat(-0.693359375);
  minusLn2Low = f32x4.splat(2.12194440e-4);
  exponential0 = f32x4.splat(5.0000001201e-1);
  exponential1 = f32x4.splat(1.6666665459e-1);
  exponential2 = f32x4.splat(4.1665795894e-2);
  exponential3 = f32x4.splat(8.3334519073e-3);
  exponential4 = f32x4.splat(1.3981999507e-3);
  exponential5 = f32x4.splat(1.9875691500e-4);
  tanhGreatest = f32x4.splat(7.90531110763549805);
  tanhLeast = f32x4.splat(-7.90531110763549805);
  tanhP1 = f32x4.splat(4.89352455891786e-3);
  tanhP3 = f32x4.splat(6.37261928875436e-4);
  tanhP5 = f32x4.splat(1.48572235717979e-5);
  tanhP7 = f32x4.splat(5.12229709037114e-8);
  tanhP9 = f32x4.splat(-8.60467152213735e-11);
  tanhP11 = f32x4.splat(2.00018790482477e-13);
  tanhP13 = f32x4.splat(-2.76076847742355e-16);
  tanhQ0 = f32x4.splat(4.89352518554385e-3);
  tanhQ2 = f32x4.splat(2.26843463243900e-3);
  tanhQ4 = f32x4.splat(1.18534705686654e-4);
  tanhQ6 = f32x4.splat(1.19825839466702e-6);
}

/**
 * e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; polynomial of Cephes' expf (S. Moshier 1992).
 * Exactly 0 below -87.33, the greatest finite values above 88.72; NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, exponentialLeast), exponentialGreatest);
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  const shifted = madd(clamped, log2OfE, rounder);
  const power = f32x4.sub(shifted, rounder);
  const r = madd(power, minusLn2Low, madd(power, minusLn2High, clamped));
  let polynomial = madd(exponential5, r, exponential4);
  polynomial = madd(polynomial, r, exponential3);
  polynomial = madd(polynomial, r, exponential2);
  polynomial = madd(polynomial, r, exponential1);
  polynomial = madd(polynomial, r, exponential0);
  const fraction = f32x4.add(madd(polynomial, f32x4.mul(r, r), r), one);
  const scaled = i32x4.add(fraction, i32x4.shl(shifted, 23));
  return v128.andnot(scaled, f32x4.lt(x, exponentialLeast));
}

/**
 * e^x for x up to 64 in a third fewer instructions: 2^n 2^f with n + f = x / ln 2, and a minimax polynomial of degree 5 for
 * 2^f (relative error 2e-7). Rounding x / ln 2 adds 6e-8 |x|, which does not matter where e^x is one term of a sum that 1
 * belongs to. Below -64 it stays e^-64, so that no denormal number slows what follows. NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function quickExponential(x: v128): v128 {
  return quickExponentialOf(x, quickLeast, log2OfE, rounder, quick1, quick2, quick3, quick4, quick5, one);
}

/** The same with its constants as arguments: a loop that keeps them in locals is a third faster on Node 20. -log2(e) gives e^-x. */
// @ts-ignore: decorator
@inline
export function quickExponentialOf(
  x: v128,
  least: v128,
  log2OfE: v128,
  rounder: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  one: v128,
): v128 {
  const clamped = f32x4.pmax(x, least);
  let shifted: v128;
  let fraction: v128;
  if (ASC_FEATURE_RELAXED_SIMD) {
    shifted = madd(clamped, log2OfE, rounder);
    fraction = madd(clamped, log2OfE, f32x4.sub(rounder, shifted));
  } else {
    const scaled = f32x4.mul(clamped, log2OfE);
    shifted = f32x4.add(scaled, rounder);
    fraction = f32x4.sub(scaled, f32x4.sub(shifted, rounder));
  }
  let polynomial = madd(c5, fraction, c4);
  polynomial = madd(polynomial, fraction, c3);
  polynomial = madd(polynomial, fraction, c2);
  polynomial = madd(polynomial, fraction, c1);
  polynomial = madd(polynomial, fraction, one);
  return i32x4.add(polynomial, i32x4.shl(shifted, 23));
}

/** 1 / (1 + e^-x); its least value is e^-64. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  return f32x4.div(one, f32x4.add(one, quickExponential(f32x4.pmin(f32x4.neg(x), quickGreatest))));
}

/** x P(x^2) / Q(x^2) on [-7.905, 7.905], beyond which tanh rounds to 1: the minimax approximation of Eigen's ptanh. */
// @ts-ignore: decorator
@inline
export function hyperbolicTangent(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, tanhLeast), tanhGreatest);
  const square = f32x4.mul(clamped, clamped);
  let p = madd(tanhP13, square, tanhP11);
  p = madd(p, square, tanhP9);
  p = madd(p, square, tanhP7);
  p = madd(p, square, tanhP5);
  p = madd(p, square, tanhP3);
  p = madd(p, square, tanhP1);
  let q = madd(tanhQ6, square, tanhQ4);
  q = madd(q, square, tanhQ2);
  q = madd(q, square, tanhQ0);
  return f32x4.div(f32x4.mul(clamped, p), q);
}

/** y = tanh(x + bias); bias may be 0. Its constants are locals: see `quickExponentialOf`. */
// @ts-ignore: decorator
@inline
function tanhOf(y: usize, x: usize, bias: usize, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const greatest = tanhGreatest;
  const least = tanhLeast;
  const p1 = tanhP1;
  const p3 = tanhP3;
  const p5 = tanhP5;
  const p7 = tanhP7;
  const p9 = tanhP9;
  const p11 = tanhP11;
  const p13 = tanhP13;
  const q0 = tanhQ0;
  const q2 = tanhQ2;
  const q4 = tanhQ4;
  const q6 = tanhQ6;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const value = bias == 0 ? v128.load(x + at) : f32x4.add(v128.load(x + at), v128.load(bias + at));
    const clamped = f32x4.pmin(f32x4.pmax(value, least), greatest);
    const square = f32x4.mul(clamped, clamped);
    let p = madd(p13, square, p11);
    p = madd(p, square, p9);
    p = madd(p, square, p7);
    p = madd(p, square, p5);
    p = madd(p, square, p3);
    p = madd(p, square, p1);
    let q = madd(q6, square, q4);
    q = madd(q, square, q2);
    q = madd(q, square, q0);
    v128.store(y + at, f32x4.div(f32x4.mul(clamped, p), q));
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    let value = loadPartial(x + at, lanes);
    if (bias != 0) value = f32x4.add(value, loadPartial(bias + at, lanes));
    storePartial(y + at, hyperbolicTangent(value), lanes);
  }
}

export function tanhOfArray(y: usize, x: usize, count: usize): void {
  tanhOf(y, x, 0, count);
}

export function tanhOfBiased(y: usize, x: usize, bias: usize, count: usize): void {
  tanhOf(y, x, bias, count);
}

/** ln x = n ln 2 + ln m with m in [sqrt(1/2), sqrt(2)); polynomial of Cephes' logf. ln 0 = -inf, ln x = NaN below 0. */
export function logarithm(x: v128): v128 {
  // Denormal numbers have no exponent to read: scale them by 2^23 first.
  const small = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const normal = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, small);
  const bits = i32x4.sub(normal, i32x4.splat(0x3f3504f3));
  let power = f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23));
  power = f32x4.sub(power, v128.and(small, f32x4.splat(23)));
  const mantissa = i32x4.add(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3));
  const m = f32x4.sub(mantissa, one);
  const square = f32x4.mul(m, m);
  let p = f32x4.splat(7.0376836292e-2);
  p = madd(p, m, f32x4.splat(-1.1514610310e-1));
  p = madd(p, m, f32x4.splat(1.1676998740e-1));
  p = madd(p, m, f32x4.splat(-1.2420140846e-1));
  p = madd(p, m, f32x4.splat(1.4249322787e-1));
  p = madd(p, m, f32x4.splat(-1.6668057665e-1));
  p = madd(p, m, f32x4.splat(2.0000714765e-1));
  p = madd(p, m, f32x4.splat(-2.4999993993e-1));
  p = madd(p, m, f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(m, square), p);
  y = madd(power, f32x4.splat(-2.12194440e-4), y);
  y = madd(square, f32x4.splat(-0.5), y);
  y = madd(power, f32x4.splat(0.693359375), f32x4.add(m, y));
  const infinity = f32x4.splat(Infinity);
  y = v128.bitselect(f32x4.neg(infinity), y, f32x4.eq(x, zero()));
  y = v128.bitselect(x, y, v128.or(f32x4.eq(x, infinity), f32x4.ne(x, x)));
  return v128.bitselect(f32x4.splat(NaN), y, f32x4.lt(x, zero()));
}

export function scalarLogarithm(x: f32): f32 {
  return f32x4.extract_lane(logarithm(f32x4.splat(x)), 0);
}

export function scalarExponential(x: f32): f32 {
  return f32x4.extract_lane(exponential(f32x4.splat(x)), 0);
}

/** The inner product of two arrays. */
export function dot(a: usize, b: usize, count: usize): f32 {
  const bytes = count << 2;
  const wide = bytes & ~63;
  const whole = bytes & ~15;
  let sum0 = zero();
  let sum1 = zero();
  let sum2 = zero();
  let sum3 = zero();
  let at: usize = 0;
  for (; at < wide; at += 64) {
    sum0 = madd(v128.load(a + at), v128.load(b + at), sum0);
    sum1 = madd(v128.load(a + at, 16), v128.load(b + at, 16), sum1);
    sum2 = madd(v128.load(a + at, 32), v128.load(b + at, 32), sum2);
    sum3 = madd(v128.load(a + at, 48), v128.load(b + at, 48), sum3);
  }
  for (; at < whole; at += 16) sum0 = madd(v128.load(a + at), v128.load(b + at), sum0);
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    sum1 = madd(loadPartial(a + at, lanes), loadPartial(b + at, lanes), sum1);
  }
  return laneSum(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

/** y += factor x */
export function addMultiple(y: usize, x: usize, factor: f32, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const factors = f32x4.splat(factor);
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, madd(factors, v128.load(x + at), v128.load(y + at)));
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(y + at, madd(factors, loadPartial(x + at, lanes), loadPartial(y + at, lanes)), lanes);
  }
}

/** y += x */
export function addArray(y: usize, x: usize, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, f32x4.add(v128.load(y + at), v128.load(x + at)));
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(y + at, f32x4.add(loadPartial(y + at, lanes), loadPartial(x + at, lanes)), lanes);
  }
}
