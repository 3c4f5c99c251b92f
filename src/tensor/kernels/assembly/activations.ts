import {
  loadPartial,
  madd,
  minusLog2OfE,
  one,
  quick1,
  quick2,
  quick3,
  quick4,
  quick5,
  quickExponentialOf,
  quickGreatest,
  quickLeast,
  rounder,
  storePartial,
  zero,
} from './math';

// Activations by their place in `activations` of ../../operations/activated-linear.ts: 0 relu, 1 gelu, 2 gelu by tanh, 3 swish.

// Constants that are variables, for the reason given in math.ts.
let densityAtZero: v128 = i32x4(0, 0, 0, 0);
let gelu0: v128 = i32x4(0, 0, 0, 0);
let gelu1: v128 = i32x4(0, 0, 0, 0);
let gelu2: v128 = i32x4(0, 0, 0, 0);
let gelu3: v128 = i32x4(0, 0, 0, 0);
let gelu4: v128 = i32x4(0, 0, 0, 0);
let gelu5: v128 = i32x4(0, 0, 0, 0);
let oneHalf: v128 = i32x4(0, 0, 0, 0);
let tanhCubic: v128 = i32x4(0, 0, 0, 0);
let tanhCubicSlope: v128 = i32x4(0, 0, 0, 0);
let tanhLinear: v128 = i32x4(0, 0, 0, 0);

/** Sets the constants; once for each instance. */
export function prepareActivations(): void {
  densityAtZero = f32x4.splat(0.3989422804);
  gelu0 = f32x4.splat(0.2316419);
  gelu1 = f32x4.splat(0.127414796);
  gelu2 = f32x4.splat(-0.142248368);
  gelu3 = f32x4.splat(0.7107068705);
  gelu4 = f32x4.splat(-0.7265760135);
  gelu5 = f32x4.splat(0.5307027145);
  oneHalf = f32x4.splat(0.5);
  tanhCubic = f32x4.splat(0.0713548163);
  tanhCubicSlope = f32x4.splat(0.2140644489);
  tanhLinear = f32x4.splat(1.5957691216);
}

// The constants of e^-x come as arguments, which loops keep in locals: see `quickExponentialOf`.

/** 1 / (1 + e^-x) */
// @ts-ignore: decorator
@inline
function logistic(
  x: v128,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): v128 {
  return f32x4.div(c0, f32x4.add(c0, quickExponentialOf(f32x4.pmin(x, greatest), least, scale, magic, c1, c2, c3, c4, c5, c0)));
}

/** e^(-x^2 / 2) */
// @ts-ignore: decorator
@inline
function bell(
  x: v128,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): v128 {
  const half = f32x4.pmin(f32x4.mul(f32x4.mul(x, x), oneHalf), greatest);
  return quickExponentialOf(half, least, scale, magic, c1, c2, c3, c4, c5, c0);
}

/** The distribution function of the normal distribution, from e^(-x^2 / 2); Abramowitz & Stegun 1964, 7.1.26 (error 7.5e-8). */
// @ts-ignore: decorator
@inline
function normalDistribution(x: v128, density: v128): v128 {
  // t = 1 / (1 + 0.3275911 |x| / sqrt 2)
  const t = f32x4.div(one, madd(f32x4.abs(x), gelu0, one));
  let polynomial = madd(gelu5, t, gelu4);
  polynomial = madd(polynomial, t, gelu3);
  polynomial = madd(polynomial, t, gelu2);
  polynomial = madd(polynomial, t, gelu1);
  const tail = f32x4.mul(f32x4.mul(polynomial, t), density);
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, zero()));
}

/** 2 sqrt(2 / pi) (x + 0.044715 x^3): twice the argument of tanh, as (1 + tanh u) / 2 = logistic(2 u). */
// @ts-ignore: decorator
@inline
function twiceTanhArgument(x: v128, square: v128): v128 {
  return f32x4.mul(x, madd(square, tanhCubic, tanhLinear));
}

// @ts-ignore: decorator
@inline
function activated(
  x: v128,
  kind: i32,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): v128 {
  if (kind == 0) return f32x4.pmax(x, zero());
  if (kind == 1) return f32x4.mul(x, normalDistribution(x, bell(x, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0)));
  if (kind == 2)
    return f32x4.mul(x, logistic(twiceTanhArgument(x, f32x4.mul(x, x)), least, greatest, scale, magic, c1, c2, c3, c4, c5, c0));
  return f32x4.mul(x, logistic(x, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0));
}

/** The derivative of the activation. */
// @ts-ignore: decorator
@inline
function slope(
  x: v128,
  kind: i32,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): v128 {
  if (kind == 0) return v128.and(one, f32x4.gt(x, zero()));
  if (kind == 1) {
    const density = bell(x, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
    return madd(f32x4.mul(x, density), densityAtZero, normalDistribution(x, density));
  }
  if (kind == 2) {
    const square = f32x4.mul(x, x);
    const s = logistic(twiceTanhArgument(x, square), least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
    const inner = f32x4.mul(x, madd(square, tanhCubicSlope, tanhLinear));
    return madd(f32x4.mul(s, f32x4.sub(one, s)), inner, s);
  }
  const s = logistic(x, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
  return madd(f32x4.mul(x, s), f32x4.sub(one, s), s);
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

/** x += bias (0 = none); y = activation(x). y may be x. */
// @ts-ignore: decorator
@inline
function activateAt(
  y: usize,
  x: usize,
  bias: usize,
  lanes: usize,
  kind: i32,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): void {
  let value = read(x, lanes);
  if (bias != 0) {
    value = f32x4.add(value, read(bias, lanes));
    write(x, value, lanes);
  }
  write(y, activated(value, kind, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0), lanes);
}

// @ts-ignore: decorator
@inline
function activateRows(y: usize, x: usize, bias: usize, rows: usize, bytes: usize, kind: i32): void {
  const whole = bytes & ~15;
  const least = quickLeast;
  const greatest = quickGreatest;
  const scale = minusLog2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  for (let row: usize = 0; row < rows; row++) {
    const offset = row * bytes;
    let at: usize = 0;
    for (; at < whole; at += 16)
      activateAt(
        y + offset + at,
        x + offset + at,
        bias == 0 ? 0 : bias + at,
        4,
        kind,
        least,
        greatest,
        scale,
        magic,
        c1,
        c2,
        c3,
        c4,
        c5,
        c0,
      );
    if (at < bytes)
      activateAt(
        y + offset + at,
        x + offset + at,
        bias == 0 ? 0 : bias + at,
        (bytes - at) >> 2,
        kind,
        least,
        greatest,
        scale,
        magic,
        c1,
        c2,
        c3,
        c4,
        c5,
        c0,
      );
  }
}

function relu(y: usize, x: usize, bias: usize, rows: usize, bytes: usize): void {
  activateRows(y, x, bias, rows, bytes, 0);
}
function gelu(y: usize, x: usize, bias: usize, rows: usize, bytes: usize): void {
  activateRows(y, x, bias, rows, bytes, 1);
}
function geluOfTanh(y: usize, x: usize, bias: usize, rows: usize, bytes: usize): void {
  activateRows(y, x, bias, rows, bytes, 2);
}
function swish(y: usize, x: usize, bias: usize, rows: usize, bytes: usize): void {
  activateRows(y, x, bias, rows, bytes, 3);
}

export function activate(y: usize, x: usize, bias: usize, rows: usize, columns: usize, kind: i32): void {
  const bytes = columns << 2;
  if (kind == 0) relu(y, x, bias, rows, bytes);
  else if (kind == 1) gelu(y, x, bias, rows, bytes);
  else if (kind == 2) geluOfTanh(y, x, bias, rows, bytes);
  else swish(y, x, bias, rows, bytes);
}

/** dx = dy slope(x), and biasGradient (0 = not wanted) += that. */
// @ts-ignore: decorator
@inline
function gradientAt(
  dx: usize,
  x: usize,
  dy: usize,
  biasGradient: usize,
  lanes: usize,
  kind: i32,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): void {
  const gradient = f32x4.mul(read(dy, lanes), slope(read(x, lanes), kind, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0));
  write(dx, gradient, lanes);
  if (biasGradient != 0) write(biasGradient, f32x4.add(read(biasGradient, lanes), gradient), lanes);
}

// @ts-ignore: decorator
@inline
function gradientRows(dx: usize, x: usize, dy: usize, biasGradient: usize, rows: usize, bytes: usize, kind: i32): void {
  const whole = bytes & ~15;
  const least = quickLeast;
  const greatest = quickGreatest;
  const scale = minusLog2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  for (let row: usize = 0; row < rows; row++) {
    const offset = row * bytes;
    let at: usize = 0;
    for (; at < whole; at += 16)
      gradientAt(
        dx + offset + at,
        x + offset + at,
        dy + offset + at,
        biasGradient == 0 ? 0 : biasGradient + at,
        4,
        kind,
        least,
        greatest,
        scale,
        magic,
        c1,
        c2,
        c3,
        c4,
        c5,
        c0,
      );
    if (at < bytes)
      gradientAt(
        dx + offset + at,
        x + offset + at,
        dy + offset + at,
        biasGradient == 0 ? 0 : biasGradient + at,
        (bytes - at) >> 2,
        kind,
        least,
        greatest,
        scale,
        magic,
        c1,
        c2,
        c3,
        c4,
        c5,
        c0,
      );
  }
}

function reluGradient(dx: usize, x: usize, dy: usize, biasGradient: usize, rows: usize, bytes: usize): void {
  gradientRows(dx, x, dy, biasGradient, rows, bytes, 0);
}
function geluGradient(dx: usize, x: usize, dy: usize, biasGradient: usize, rows: usize, bytes: usize): void {
  gradientRows(dx, x, dy, biasGradient, rows, bytes, 1);
}
function geluOfTanhGradient(dx: usize, x: usize, dy: usize, biasGradient: usize, rows: usize, bytes: usize): void {
  gradientRows(dx, x, dy, biasGradient, rows, bytes, 2);
}
function swishGradient(dx: usize, x: usize, dy: usize, biasGradient: usize, rows: usize, bytes: usize): void {
  gradientRows(dx, x, dy, biasGradient, rows, bytes, 3);
}

export function activateGradient(
  dx: usize,
  x: usize,
  dy: usize,
  biasGradient: usize,
  rows: usize,
  columns: usize,
  kind: i32,
): void {
  const bytes = columns << 2;
  if (kind == 0) reluGradient(dx, x, dy, biasGradient, rows, bytes);
  else if (kind == 1) geluGradient(dx, x, dy, biasGradient, rows, bytes);
  else if (kind == 2) geluOfTanhGradient(dx, x, dy, biasGradient, rows, bytes);
  else swishGradient(dx, x, dy, biasGradient, rows, bytes);
}

/** y = activation(gate) other, for the halves of a row of x, which is in the first-level cache between the two. */
export function gate(y: usize, x: usize, rows: usize, columns: usize, kind: i32): void {
  const bytes = columns << 2;
  const whole = bytes & ~15;
  for (let row: usize = 0; row < rows; row++) {
    const from = x + 2 * row * bytes;
    activate(y, from, 0, 1, columns, kind);
    const other = from + bytes;
    let at: usize = 0;
    for (; at < whole; at += 16) v128.store(y + at, f32x4.mul(v128.load(y + at), v128.load(other + at)));
    for (; at < bytes; at += 4) store<f32>(y + at, load<f32>(y + at) * load<f32>(other + at));
    y += bytes;
  }
}

// @ts-ignore: decorator
@inline
function gateGradientAt(
  gate: usize,
  other: usize,
  dy: usize,
  lanes: usize,
  kind: i32,
  least: v128,
  greatest: v128,
  scale: v128,
  magic: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  c4: v128,
  c5: v128,
  c0: v128,
): void {
  const value = read(gate, lanes);
  const gradient = read(dy, lanes);
  const gated = activated(value, kind, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
  const steepness = slope(value, kind, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
  write(gate, f32x4.mul(f32x4.mul(gradient, read(other, lanes)), steepness), lanes);
  write(other, f32x4.mul(gradient, gated), lanes);
}

// @ts-ignore: decorator
@inline
function gateGradientRows(x: usize, dy: usize, rows: usize, bytes: usize, kind: i32): void {
  const whole = bytes & ~15;
  const least = quickLeast;
  const greatest = quickGreatest;
  const scale = minusLog2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  for (let row: usize = 0; row < rows; row++) {
    const from = x + 2 * row * bytes;
    const gradient = dy + row * bytes;
    let at: usize = 0;
    for (; at < whole; at += 16)
      gateGradientAt(from + at, from + bytes + at, gradient + at, 4, kind, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
    if (at < bytes)
      gateGradientAt(from + at, from + bytes + at, gradient + at, (bytes - at) >> 2, kind, least, greatest, scale, magic, c1, c2, c3, c4, c5, c0);
  }
}

function gateOfTanhGradient(x: usize, dy: usize, rows: usize, bytes: usize): void {
  gateGradientRows(x, dy, rows, bytes, 2);
}
function gateOfSwishGradient(x: usize, dy: usize, rows: usize, bytes: usize): void {
  gateGradientRows(x, dy, rows, bytes, 3);
}

export function gateGradient(x: usize, dy: usize, rows: usize, columns: usize, kind: i32): void {
  if (kind == 2) gateOfTanhGradient(x, dy, rows, columns << 2);
  else gateOfSwishGradient(x, dy, rows, columns << 2);
}
