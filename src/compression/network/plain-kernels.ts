import type { NetworkKernels } from './kernels.js';

/*
 * What assembly/kernels.ts computes, bit for bit, in JavaScript: Math.fround of a sum, a product, a quotient or a root of two 32-bit
 * floats is the 32-bit operation, and storing into a Float32Array rounds as it does.
 */

const { fround, sqrt } = Math;
const exponentLimit = 40;
const adagradFloor = fround(0.01);
const frequencyUnits = 4_194_304;
const log2OfE = fround(Math.LOG2E);
const ln2 = { high: 0.693359375, low: fround(-2.1219444e-4) } as const;
const rounder = 12_582_912;
const coefficients = [1.98756915e-4, 1.39819995e-3, 8.33345191e-3, 4.16657959e-2, 1.66666655e-1, 5.00000012e-1].map(fround);
const power = new Float32Array(1);
const powerBits = new Int32Array(power.buffer);

function exponential(value: number): number {
  const x = Math.min(Math.max(value, -exponentLimit), exponentLimit);
  const n = fround(fround(fround(x * log2OfE) + rounder) - rounder);
  const r = fround(fround(x - fround(n * ln2.high)) - fround(n * ln2.low));
  let p = coefficients[0] as number;
  for (let place = 1; place < coefficients.length; place++) p = fround(fround(p * r) + (coefficients[place] as number));
  p = fround(fround(fround(p * r) * r) + fround(r + 1));
  powerBits[0] = (n + 127) << 23;
  return fround(p * (power[0] as number));
}

const sigmoid = (x: number) => fround(1 / fround(1 + exponential(-x)));
const hyperbolicTangent = (x: number) => fround(1 - fround(2 / fround(1 + exponential(fround(2 * x)))));

/** Four sums, of every fourth value each, then one of them. */
function laneSum(count: number, valueAt: (place: number) => number): number {
  const lanes = new Float32Array(4);
  for (let place = 0; place < count; place++) lanes[place & 3] = (lanes[place & 3] as number) + valueAt(place);
  const [a = 0, b = 0, c = 0, d = 0] = lanes;
  return fround(fround(a + c) + fround(b + d));
}

/** On the arrays in a buffer. */
export function plainKernels(buffer: ArrayBufferLike): NetworkKernels {
  const [values, integers] = [new Float32Array(buffer), new Int32Array(buffer)];
  const at = (address: number, place: number) => values[(address >>> 2) + place] as number;
  const set = (address: number, place: number, value: number) => {
    values[(address >>> 2) + place] = value;
  };
  const entry = (list: number, index: number) => (integers[(list >>> 2) + index] as number) >>> 0;

  return {
    sumRows(y, list, rows, width) {
      for (let row = 0; row < rows; row++) {
        const from = entry(list, row);
        for (let place = 0; place < width; place++) set(y, place, at(y, place) + at(from, place));
      }
    },

    addProducts(y, matrix, x, rows, width) {
      for (let row = 0; row < rows; row++) {
        const factor = at(x, row);
        for (let place = 0; place < width; place++) set(y, place, at(y, place) + fround(factor * at(matrix, row * width + place)));
      }
    },

    innerProducts(y, matrix, x, rows, width) {
      for (let row = 0; row < rows; row++) {
        set(
          y,
          row,
          laneSum(width, (place) => fround(at(x, place) * at(matrix, row * width + place))),
        );
      }
    },

    distribution(x, frequencies, width) {
      let greatest = at(x, 0);
      for (let place = 1; place < width; place++) greatest = Math.max(greatest, at(x, place));
      for (let place = 0; place < width; place++) set(x, place, exponential(fround(at(x, place) - greatest)));
      const share = fround(1 / laneSum(width, (place) => at(x, place)));
      for (let place = 0; place < width; place++) {
        const value = fround(at(x, place) * share);
        set(x, place, value);
        integers[(frequencies >>> 2) + place] = Math.trunc(fround(value * frequencyUnits)) + 1;
      }
    },

    adagrad(list, rows, distance, gradient, width, rate) {
      const rounded = fround(rate);
      for (let row = 0; row < rows; row++) {
        const weights = entry(list, row);
        for (let place = 0; place < width; place++) {
          const g = at(gradient, place);
          const s = fround(at(weights + distance, place) + fround(g * g));
          set(weights + distance, place, s);
          set(weights, place, at(weights, place) - fround(fround(rounded * g) / fround(sqrt(fround(s + adagradFloor)))));
        }
      }
    },

    lstmForward(gates, before, cells, hidden, count) {
      for (let unit = 0; unit < count; unit++) {
        const i = sigmoid(at(gates, unit));
        const f = sigmoid(at(gates, count + unit));
        const o = sigmoid(at(gates, 2 * count + unit));
        const g = hyperbolicTangent(at(gates, 3 * count + unit));
        for (const [gate, value] of [i, f, o, g].entries()) set(gates, gate * count + unit, value);
        const c = fround(fround(f * at(before, unit)) + fround(i * g));
        set(cells, unit, c);
        set(hidden, unit, o * hyperbolicTangent(c));
      }
    },

    lstmBackward(gates, before, cells, own, recurrent, later, count) {
      for (let unit = 0; unit < count; unit++) {
        const [i, f, o, g] = [at(gates, unit), at(gates, count + unit), at(gates, 2 * count + unit), at(gates, 3 * count + unit)];
        const squashed = hyperbolicTangent(at(cells, unit));
        const dh = fround(at(own, unit) + at(recurrent, unit));
        const slope = fround(1 - fround(squashed * squashed));
        const dc = fround(at(later, unit) + fround(fround(dh * o) * slope));
        set(gates, unit, fround(dc * g) * fround(i * fround(1 - i)));
        set(gates, count + unit, fround(dc * at(before, unit)) * fround(f * fround(1 - f)));
        set(gates, 2 * count + unit, fround(dh * squashed) * fround(o * fround(1 - o)));
        set(gates, 3 * count + unit, fround(dc * i) * fround(1 - fround(g * g)));
        set(later, unit, dc * f);
      }
    },

    normalised(y, x, squares, count, decay, correction, scale) {
      const [kept, corrected, scaled] = [fround(decay), fround(correction), fround(scale)];
      const fresh = fround(1 - kept);
      const least = fround(1e-3);
      for (let place = 0; place < count; place++) {
        const value = at(x, place);
        const s = fround(fround(kept * at(squares, place)) + fround(fresh * fround(value * value)));
        set(squares, place, s);
        set(y, place, fround(scaled * value) / fround(fround(sqrt(fround(corrected * s))) + least));
      }
    },

    subtractOuterProduct(matrix, x, y, rows, width) {
      for (let row = 0; row < rows; row++) {
        for (let place = 0; place < width; place++) {
          set(matrix, row * width + place, at(matrix, row * width + place) - fround(at(x, row) * at(y, place)));
        }
      }
    },

    rmsprop(weights, squares, x, d, rows, width, steps, rate, decay, correction) {
      const [rounded, kept, corrected] = [fround(rate), fround(decay), fround(correction)];
      const fresh = fround(1 - kept);
      const least = fround(1e-5);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < width; column++) {
          let g = 0;
          for (let step = 0; step < steps; step++) g = fround(g + fround(at(x, step * rows + row) * at(d, step * width + column)));
          const place = row * width + column;
          const s = fround(fround(kept * at(squares, place)) + fround(fresh * fround(g * g)));
          set(squares, place, s);
          const step = fround(fround(rounded * g) / fround(fround(sqrt(fround(corrected * s))) + least));
          set(weights, place, at(weights, place) - step);
        }
      }
    },
  };
}
