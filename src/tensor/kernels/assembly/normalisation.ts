import { laneSum, loadPartial, madd, storePartial, zero } from './math';

// A row is read two or three times and stays in the first-level cache meanwhile. Sums are of one order for any number of rows.

/** y = a + b; gives the sum of the values, or of their squares. */
// @ts-ignore: decorator
@inline
function sumInto(y: usize, a: usize, b: usize, bytes: usize, squares: bool): f32 {
  const wide = bytes & ~31;
  let sum0 = zero();
  let sum1 = zero();
  let at: usize = 0;
  for (; at < wide; at += 32) {
    let x0 = v128.load(a + at);
    let x1 = v128.load(a + at, 16);
    if (b != 0) {
      x0 = f32x4.add(x0, v128.load(b + at));
      x1 = f32x4.add(x1, v128.load(b + at, 16));
      v128.store(y + at, x0);
      v128.store(y + at, x1, 16);
    }
    sum0 = squares ? madd(x0, x0, sum0) : f32x4.add(sum0, x0);
    sum1 = squares ? madd(x1, x1, sum1) : f32x4.add(sum1, x1);
  }
  let sum = laneSum(f32x4.add(sum0, sum1));
  for (; at < bytes; at += 4) {
    let x = load<f32>(a + at);
    if (b != 0) {
      x += load<f32>(b + at);
      store<f32>(y + at, x);
    }
    sum += squares ? x * x : x;
  }
  return sum;
}

function sumOfValues(y: usize, a: usize, b: usize, bytes: usize): f32 {
  return sumInto(y, a, b, bytes, false);
}

function sumOfSquaredValues(y: usize, a: usize, b: usize, bytes: usize): f32 {
  return sumInto(y, a, b, bytes, true);
}

/** The sum of (x - mean)^2, which loses nothing where the mean is large. */
function squaredDeviations(x: usize, bytes: usize, mean: f32): f32 {
  const wide = bytes & ~31;
  const means = f32x4.splat(mean);
  let sum0 = zero();
  let sum1 = zero();
  let at: usize = 0;
  for (; at < wide; at += 32) {
    const d0 = f32x4.sub(v128.load(x + at), means);
    const d1 = f32x4.sub(v128.load(x + at, 16), means);
    sum0 = madd(d0, d0, sum0);
    sum1 = madd(d1, d1, sum1);
  }
  let sum = laneSum(f32x4.add(sum0, sum1));
  for (; at < bytes; at += 4) {
    const d = load<f32>(x + at) - mean;
    sum += d * d;
  }
  return sum;
}

/** y = (x - mean) factor gain + bias; gain and bias may be 0. */
// @ts-ignore: decorator
@inline
function scaleInto(y: usize, x: usize, gain: usize, bias: usize, bytes: usize, mean: f32, factor: f32): void {
  const whole = bytes & ~15;
  const means = f32x4.splat(mean);
  const factors = f32x4.splat(factor);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    let value = f32x4.mul(f32x4.sub(v128.load(x + at), means), factors);
    if (gain != 0) value = f32x4.mul(value, v128.load(gain + at));
    if (bias != 0) value = f32x4.add(value, v128.load(bias + at));
    v128.store(y + at, value);
  }
  for (; at < bytes; at += 4) {
    let value = (load<f32>(x + at) - mean) * factor;
    if (gain != 0) value *= load<f32>(gain + at);
    if (bias != 0) value += load<f32>(bias + at);
    store<f32>(y + at, value);
  }
}

function scaleKnown(y: usize, x: usize, gain: usize, bias: usize, bytes: usize, mean: f32, factor: f32): void {
  scaleInto(y, x, gain, bias, bytes, mean, factor);
}

export function normalise(
  y: usize,
  sum: usize,
  x: usize,
  residual: usize,
  gain: usize,
  bias: usize,
  statistics: usize,
  rows: usize,
  columns: usize,
  epsilon: f64,
  centred: bool,
  known: bool,
): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) {
    const offset = row * bytes;
    const added = residual == 0 ? 0 : residual + offset;
    const values = residual == 0 ? x + offset : sum + offset;
    let mean: f32 = 0;
    let squares: f32;
    if (known) {
      scaleKnown(y + offset, values, gain, bias, bytes, load<f32>(statistics + (row << 3)), load<f32>(statistics + (row << 3), 4));
      continue;
    }
    if (centred) {
      mean = sumOfValues(values, x + offset, added, bytes) / <f32>columns;
      squares = squaredDeviations(values, bytes, mean);
    } else {
      squares = sumOfSquaredValues(values, x + offset, added, bytes);
    }
    const factor = <f32>(1 / Math.sqrt(<f64>squares / <f64>columns + epsilon));
    store<f32>(statistics + (row << 3), mean);
    store<f32>(statistics + (row << 3), factor, 4);
    scaleInto(y + offset, values, gain, bias, bytes, mean, factor);
  }
}

export function normaliseGradient(
  dx: usize,
  dResidual: usize,
  dGain: usize,
  dBias: usize,
  dy: usize,
  dSum: usize,
  x: usize,
  gain: usize,
  statistics: usize,
  rows: usize,
  columns: usize,
  centred: bool,
  adds: bool,
  addsResidual: bool,
): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) {
    const offset = row * bytes;
    const mean = load<f32>(statistics + (row << 3));
    const factor = load<f32>(statistics + (row << 3), 4);
    rowGradient(
      dx == 0 ? 0 : dx + offset,
      dResidual == 0 ? 0 : dResidual + offset,
      dGain,
      dBias,
      dy == 0 ? 0 : dy + offset,
      dSum == 0 ? 0 : dSum + offset,
      x + offset,
      gain,
      bytes,
      mean,
      factor,
      centred,
      adds,
      addsResidual,
    );
  }
}

/** The sums over a row of g and g n, for g = dy gain and the normalised values n. */
let sumOfGradients: f32 = 0;
let sumOfProducts: f32 = 0;

/** Finds both sums and adds to the gradients of gain and bias. */
// @ts-ignore: decorator
@inline
function gradientSums(dGain: usize, dBias: usize, dy: usize, x: usize, gain: usize, bytes: usize, mean: f32, factor: f32): void {
  const whole = bytes & ~15;
  const means = f32x4.splat(mean);
  const factors = f32x4.splat(factor);
  let sums = zero();
  let products = zero();
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const n = f32x4.mul(f32x4.sub(v128.load(x + at), means), factors);
    const gradient = v128.load(dy + at);
    if (dGain != 0) v128.store(dGain + at, madd(gradient, n, v128.load(dGain + at)));
    if (dBias != 0) v128.store(dBias + at, f32x4.add(v128.load(dBias + at), gradient));
    const g = gain == 0 ? gradient : f32x4.mul(gradient, v128.load(gain + at));
    sums = f32x4.add(sums, g);
    products = madd(g, n, products);
  }
  sumOfGradients = laneSum(sums);
  sumOfProducts = laneSum(products);
  for (; at < bytes; at += 4) {
    const n = (load<f32>(x + at) - mean) * factor;
    const gradient = load<f32>(dy + at);
    if (dGain != 0) store<f32>(dGain + at, load<f32>(dGain + at) + gradient * n);
    if (dBias != 0) store<f32>(dBias + at, load<f32>(dBias + at) + gradient);
    const g = gain == 0 ? gradient : gradient * load<f32>(gain + at);
    sumOfGradients += g;
    sumOfProducts += g * n;
  }
}

function gradientSumsOfBoth(dGain: usize, dBias: usize, dy: usize, x: usize, gain: usize, bytes: usize, mean: f32, factor: f32): void {
  gradientSums(dGain, dBias, dy, x, gain, bytes, mean, factor);
}

function gradientSumsOfAny(dGain: usize, dBias: usize, dy: usize, x: usize, gain: usize, bytes: usize, mean: f32, factor: f32): void {
  gradientSums(dGain, dBias, dy, x, gain, bytes, mean, factor);
}

/** y = value, or y += value; y may be 0. */
// @ts-ignore: decorator
@inline
function give(y: usize, value: v128, lanes: usize, adds: bool): void {
  if (y == 0) return;
  if (lanes == 4) v128.store(y, adds ? f32x4.add(v128.load(y), value) : value);
  else storePartial(y, adds ? f32x4.add(loadPartial(y, lanes), value) : value, lanes);
}

// @ts-ignore: decorator
@inline
function read(address: usize, lanes: usize): v128 {
  return lanes == 4 ? v128.load(address) : loadPartial(address, lanes);
}

/** dx = factor (g - mean g - n mean(g n)) + dSum; without the mean of g where values are not centred. */
// @ts-ignore: decorator
@inline
function inputGradient(
  dx: usize,
  dResidual: usize,
  dy: usize,
  dSum: usize,
  x: usize,
  gain: usize,
  bytes: usize,
  means: v128,
  factors: v128,
  meanGradient: v128,
  slope: v128,
  adds: bool,
  addsResidual: bool,
): void {
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16)
    inputGradientAt(dx, dResidual, dy, dSum, x, gain, at, 4, means, factors, meanGradient, slope, adds, addsResidual);
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    inputGradientAt(dx, dResidual, dy, dSum, x, gain, at, lanes, means, factors, meanGradient, slope, adds, addsResidual);
  }
}

// @ts-ignore: decorator
@inline
function inputGradientAt(
  dx: usize,
  dResidual: usize,
  dy: usize,
  dSum: usize,
  x: usize,
  gain: usize,
  at: usize,
  lanes: usize,
  means: v128,
  factors: v128,
  meanGradient: v128,
  slope: v128,
  adds: bool,
  addsResidual: bool,
): void {
  let value = zero();
  if (dy != 0) {
    value = read(dy + at, lanes);
    if (gain != 0) value = f32x4.mul(value, read(gain + at, lanes));
    const away = f32x4.mul(f32x4.sub(read(x + at, lanes), means), slope);
    value = f32x4.mul(f32x4.sub(f32x4.sub(value, meanGradient), away), factors);
  }
  if (dSum != 0) value = f32x4.add(value, read(dSum + at, lanes));
  give(dx == 0 ? 0 : dx + at, value, lanes, adds);
  give(dResidual == 0 ? 0 : dResidual + at, value, lanes, addsResidual);
}

/** With a gain, into a gradient of its own: what a Transformer's backward pass is made of. */
function freshInputGradient(
  dx: usize,
  dy: usize,
  x: usize,
  gain: usize,
  bytes: usize,
  means: v128,
  factors: v128,
  meanGradient: v128,
  slope: v128,
): void {
  inputGradient(dx, 0, dy, 0, x, gain, bytes, means, factors, meanGradient, slope, false, false);
}

/** The same with a residual. */
function freshInputGradients(
  dx: usize,
  dResidual: usize,
  dy: usize,
  dSum: usize,
  x: usize,
  gain: usize,
  bytes: usize,
  means: v128,
  factors: v128,
  meanGradient: v128,
  slope: v128,
): void {
  inputGradient(dx, dResidual, dy, dSum, x, gain, bytes, means, factors, meanGradient, slope, false, false);
}

function anyInputGradient(
  dx: usize,
  dResidual: usize,
  dy: usize,
  dSum: usize,
  x: usize,
  gain: usize,
  bytes: usize,
  means: v128,
  factors: v128,
  meanGradient: v128,
  slope: v128,
  adds: bool,
  addsResidual: bool,
): void {
  inputGradient(dx, dResidual, dy, dSum, x, gain, bytes, means, factors, meanGradient, slope, adds, addsResidual);
}

function rowGradient(
  dx: usize,
  dResidual: usize,
  dGain: usize,
  dBias: usize,
  dy: usize,
  dSum: usize,
  x: usize,
  gain: usize,
  bytes: usize,
  mean: f32,
  factor: f32,
  centred: bool,
  adds: bool,
  addsResidual: bool,
): void {
  sumOfGradients = 0;
  sumOfProducts = 0;
  if (dy != 0) {
    if (dGain != 0 && dBias != 0 && gain != 0) gradientSumsOfBoth(dGain, dBias, dy, x, gain, bytes, mean, factor);
    else gradientSumsOfAny(dGain, dBias, dy, x, gain, bytes, mean, factor);
  }
  if (dx == 0 && dResidual == 0) return;
  const count = <f32>(bytes >> 2);
  const meanGradient = f32x4.splat(centred ? sumOfGradients / count : 0);
  // n mean(g n) = (x - mean) slope
  const slope = f32x4.splat((factor * sumOfProducts) / count);
  const means = f32x4.splat(mean);
  const factors = f32x4.splat(factor);
  const isFresh = !adds && !addsResidual && dx != 0 && dy != 0 && gain != 0;
  if (isFresh && dResidual == 0 && dSum == 0) freshInputGradient(dx, dy, x, gain, bytes, means, factors, meanGradient, slope);
  else if (isFresh && dResidual != 0 && dSum != 0) {
    freshInputGradients(dx, dResidual, dy, dSum, x, gain, bytes, means, factors, meanGradient, slope);
  } else anyInputGradient(dx, dResidual, dy, dSum, x, gain, bytes, means, factors, meanGradient, slope, adds, addsResidual);
}
