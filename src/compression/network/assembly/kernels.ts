// The arithmetic of the network that learns while it compresses. Multiplications and additions stay apart, every sum has one order, and
// the exponential is a polynomial, so every engine gives the same bits; plain-kernels.ts says the same in JavaScript. Arrays are of
// 32-bit floats, their lengths multiples of 4.

const wordBytes: usize = 4;
const vectorBytes: usize = 16;
/** Where e^x is cut off: neither end overflows, nor does a square of it become denormal. */
const exponentLimit: f32 = 40;
const adagradFloor: f32 = 0.01;
/** Units of a frequency in a probability: 2^22. */
const frequencyUnits: f32 = 4194304;

// @ts-ignore: decorator
@inline
function entry(list: usize, index: i32): usize {
  return load<u32>(list + (<usize>index << 2));
}

/** y += the rows at the addresses in a list, one after the other. */
export function sumRows(y: usize, list: usize, rows: i32, width: i32): void {
  const bytes = <usize>width * wordBytes;
  for (let at: usize = 0; at < bytes; at += vectorBytes) {
    let sum = v128.load(y + at);
    for (let row = 0; row < rows; row++) sum = f32x4.add(sum, v128.load(entry(list, row) + at));
    v128.store(y + at, sum);
  }
}

/** y[j] += sum over k, in order, of x[k] matrix[k][j] */
export function addProducts(y: usize, matrix: usize, x: usize, rows: i32, width: i32): void {
  const bytes = <usize>width * wordBytes;
  for (let row = 0; row < rows; row += 4) {
    const first = matrix + <usize>row * bytes;
    const at = x + (<usize>row << 2);
    const x0 = v128.load32_splat(at);
    const x1 = v128.load32_splat(at, 4);
    const x2 = v128.load32_splat(at, 8);
    const x3 = v128.load32_splat(at, 12);
    for (let place: usize = 0; place < bytes; place += vectorBytes) {
      let sum = v128.load(y + place);
      sum = f32x4.add(sum, f32x4.mul(x0, v128.load(first + place)));
      sum = f32x4.add(sum, f32x4.mul(x1, v128.load(first + bytes + place)));
      sum = f32x4.add(sum, f32x4.mul(x2, v128.load(first + 2 * bytes + place)));
      sum = f32x4.add(sum, f32x4.mul(x3, v128.load(first + 3 * bytes + place)));
      v128.store(y + place, sum);
    }
  }
}

/** (lane 0 + lane 2) + (lane 1 + lane 3) */
// @ts-ignore: decorator
@inline
function laneSum(x: v128): f32 {
  return (
    f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 2) + (f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 3))
  );
}

/** y[k] = the inner product of matrix[k] and x: four sums, of every fourth product each, then `laneSum`. */
export function innerProducts(y: usize, matrix: usize, x: usize, rows: i32, width: i32): void {
  const bytes = <usize>width * wordBytes;
  for (let row = 0; row < rows; row += 4) {
    const first = matrix + <usize>row * bytes;
    let sum0 = f32x4.splat(0);
    let sum1 = sum0;
    let sum2 = sum0;
    let sum3 = sum0;
    for (let place: usize = 0; place < bytes; place += vectorBytes) {
      const factor = v128.load(x + place);
      sum0 = f32x4.add(sum0, f32x4.mul(factor, v128.load(first + place)));
      sum1 = f32x4.add(sum1, f32x4.mul(factor, v128.load(first + bytes + place)));
      sum2 = f32x4.add(sum2, f32x4.mul(factor, v128.load(first + 2 * bytes + place)));
      sum3 = f32x4.add(sum3, f32x4.mul(factor, v128.load(first + 3 * bytes + place)));
    }
    const to = y + (<usize>row << 2);
    store<f32>(to, laneSum(sum0));
    store<f32>(to, laneSum(sum1), 4);
    store<f32>(to, laneSum(sum2), 8);
    store<f32>(to, laneSum(sum3), 12);
  }
}

/** e^x, x cut off at both ends: 2^n e^r with |r| <= ln 2 / 2, polynomial of Cephes' expf. */
// @ts-ignore: decorator
@inline
function exponential(value: v128): v128 {
  const x = f32x4.pmin(f32x4.pmax(value, f32x4.splat(-exponentLimit)), f32x4.splat(exponentLimit));
  // Adding 1.5 * 2^23 leaves no room for a fraction.
  const rounder = f32x4.splat(12582912);
  const n = f32x4.sub(f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504)), rounder), rounder);
  const high = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  const r = f32x4.sub(high, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.add(f32x4.mul(f32x4.splat(1.98756915e-4), r), f32x4.splat(1.39819995e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.33345191e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.16657959e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.66666655e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.00000012e-1));
  p = f32x4.add(f32x4.mul(f32x4.mul(p, r), r), f32x4.add(r, f32x4.splat(1)));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

/** 1 / (1 + e^-x) */
// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x))));
}

/** 1 - 2 / (1 + e^2x) */
// @ts-ignore: decorator
@inline
function hyperbolicTangent(x: v128): v128 {
  const one = f32x4.splat(1);
  const two = f32x4.splat(2);
  return f32x4.sub(one, f32x4.div(two, f32x4.add(one, exponential(f32x4.mul(two, x)))));
}

/** x becomes its softmax; frequencies (integers) are its values in 2^-22, rounded down, and one more. */
export function distribution(x: usize, frequencies: usize, width: i32): void {
  const bytes = <usize>width * wordBytes;
  let greatest = v128.load(x);
  for (let at: usize = vectorBytes; at < bytes; at += vectorBytes) greatest = f32x4.pmax(greatest, v128.load(x + at));
  const top = f32x4.splat(
    max(
      max(f32x4.extract_lane(greatest, 0), f32x4.extract_lane(greatest, 2)),
      max(f32x4.extract_lane(greatest, 1), f32x4.extract_lane(greatest, 3)),
    ),
  );
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += vectorBytes) {
    const value = exponential(f32x4.sub(v128.load(x + at), top));
    v128.store(x + at, value);
    sum = f32x4.add(sum, value);
  }
  const share = f32x4.splat(<f32>1 / laneSum(sum));
  const units = f32x4.splat(frequencyUnits);
  const one = i32x4.splat(1);
  for (let at: usize = 0; at < bytes; at += vectorBytes) {
    const value = f32x4.mul(v128.load(x + at), share);
    v128.store(x + at, value);
    v128.store(frequencies + at, i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.mul(value, units)), one));
  }
}

/**
 * Adagrad (Duchi et al. 2011) on each row of a list, which all have the gradient g: s += g^2, w -= rate g / sqrt(s + floor), where s lies
 * `distance` behind w.
 */
export function adagrad(list: usize, rows: i32, distance: usize, gradient: usize, width: i32, rate: f32): void {
  const bytes = <usize>width * wordBytes;
  const rates = f32x4.splat(rate);
  const floor = f32x4.splat(adagradFloor);
  for (let row = 0; row < rows; row++) {
    const weights = entry(list, row);
    const squares = weights + distance;
    for (let at: usize = 0; at < bytes; at += vectorBytes) {
      const g = v128.load(gradient + at);
      const s = f32x4.add(v128.load(squares + at), f32x4.mul(g, g));
      v128.store(squares + at, s);
      const step = f32x4.div(f32x4.mul(rates, g), f32x4.sqrt(f32x4.add(s, floor)));
      v128.store(weights + at, f32x4.sub(v128.load(weights + at), step));
    }
  }
}

/** The gates i, f, o, g (one after the other) become their activations; c = f c_before + i g, h = o tanh c. */
export function lstmForward(gates: usize, before: usize, cells: usize, hidden: usize, count: i32): void {
  const bytes = <usize>count * wordBytes;
  for (let at: usize = 0; at < bytes; at += vectorBytes) {
    const place = gates + at;
    const i = sigmoid(v128.load(place));
    const f = sigmoid(v128.load(place + bytes));
    const o = sigmoid(v128.load(place + 2 * bytes));
    const g = hyperbolicTangent(v128.load(place + 3 * bytes));
    v128.store(place, i);
    v128.store(place + bytes, f);
    v128.store(place + 2 * bytes, o);
    v128.store(place + 3 * bytes, g);
    const c = f32x4.add(f32x4.mul(f, v128.load(before + at)), f32x4.mul(i, g));
    v128.store(cells + at, c);
    v128.store(hidden + at, f32x4.mul(o, hyperbolicTangent(c)));
  }
}

/** Gates become the gradients of what they were made of; `later` is that of c from the step behind, then for the step before. */
export function lstmBackward(gates: usize, before: usize, cells: usize, own: usize, recurrent: usize, later: usize, count: i32): void {
  const bytes = <usize>count * wordBytes;
  const one = f32x4.splat(1);
  for (let at: usize = 0; at < bytes; at += vectorBytes) {
    const place = gates + at;
    const i = v128.load(place);
    const f = v128.load(place + bytes);
    const o = v128.load(place + 2 * bytes);
    const g = v128.load(place + 3 * bytes);
    const squashed = hyperbolicTangent(v128.load(cells + at));
    const dh = f32x4.add(v128.load(own + at), v128.load(recurrent + at));
    const slope = f32x4.sub(one, f32x4.mul(squashed, squashed));
    const dc = f32x4.add(v128.load(later + at), f32x4.mul(f32x4.mul(dh, o), slope));
    v128.store(place, f32x4.mul(f32x4.mul(dc, g), f32x4.mul(i, f32x4.sub(one, i))));
    v128.store(place + bytes, f32x4.mul(f32x4.mul(dc, v128.load(before + at)), f32x4.mul(f, f32x4.sub(one, f))));
    v128.store(place + 2 * bytes, f32x4.mul(f32x4.mul(dh, squashed), f32x4.mul(o, f32x4.sub(one, o))));
    v128.store(place + 3 * bytes, f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g))));
    v128.store(later + at, f32x4.mul(dc, f));
  }
}

/** s = decay s + (1 - decay) x^2, the mean square; y = scale x / (sqrt(correction s) + least) */
export function normalised(y: usize, x: usize, squares: usize, count: i32, decay: f32, correction: f32, scale: f32): void {
  const bytes = <usize>count * wordBytes;
  const kept = f32x4.splat(decay);
  const fresh = f32x4.splat(<f32>1 - decay);
  const corrections = f32x4.splat(correction);
  const scales = f32x4.splat(scale);
  const least = f32x4.splat(1e-3);
  for (let at: usize = 0; at < bytes; at += vectorBytes) {
    const value = v128.load(x + at);
    const s = f32x4.add(f32x4.mul(kept, v128.load(squares + at)), f32x4.mul(fresh, f32x4.mul(value, value)));
    v128.store(squares + at, s);
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(corrections, s)), least);
    v128.store(y + at, f32x4.div(f32x4.mul(scales, value), root));
  }
}

/** matrix[k][j] -= x[k] y[j] */
export function subtractOuterProduct(matrix: usize, x: usize, y: usize, rows: i32, width: i32): void {
  const bytes = <usize>width * wordBytes;
  for (let row = 0; row < rows; row++) {
    const to = matrix + <usize>row * bytes;
    const factor = v128.load32_splat(x + (<usize>row << 2));
    for (let at: usize = 0; at < bytes; at += vectorBytes) {
      v128.store(to + at, f32x4.sub(v128.load(to + at), f32x4.mul(factor, v128.load(y + at))));
    }
  }
}

/**
 * RMSprop (Hinton 2012) with the gradient g[k][j] = sum over the steps u, in order, of x[u][k] d[u][j]:
 * s = decay s + (1 - decay) g^2, w -= rate g / (sqrt(correction s) + least)
 */
export function rmsprop(
  weights: usize,
  squares: usize,
  x: usize,
  d: usize,
  rows: i32,
  width: i32,
  steps: i32,
  rate: f32,
  decay: f32,
  correction: f32,
): void {
  const bytes = <usize>width * wordBytes;
  const stride = <usize>rows * wordBytes;
  const rates = f32x4.splat(rate);
  const kept = f32x4.splat(decay);
  const fresh = f32x4.splat(<f32>1 - decay);
  const corrections = f32x4.splat(correction);
  const least = f32x4.splat(1e-5);
  for (let row = 0; row < rows; row++) {
    const from = x + (<usize>row << 2);
    const begin = <usize>row * bytes;
    for (let at: usize = 0; at < bytes; at += vectorBytes) {
      let g = f32x4.splat(0);
      for (let step = 0; step < steps; step++) {
        g = f32x4.add(g, f32x4.mul(v128.load32_splat(from + <usize>step * stride), v128.load(d + <usize>step * bytes + at)));
      }
      const place = begin + at;
      const s = f32x4.add(f32x4.mul(kept, v128.load(squares + place)), f32x4.mul(fresh, f32x4.mul(g, g)));
      v128.store(squares + place, s);
      const step = f32x4.div(f32x4.mul(rates, g), f32x4.add(f32x4.sqrt(f32x4.mul(corrections, s)), least));
      v128.store(weights + place, f32x4.sub(v128.load(weights + place), step));
    }
  }
}
