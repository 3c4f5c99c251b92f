import type { Vector } from '../vector-assembler.js';
import type { KernelAssembler } from './kernel-assembler.js';

// The functions of src/tensor/kernels/assembly/math.ts and activations.ts, operation by operation, so that they give the same bits.

const log2OfE = Math.LOG2E;
const magic = 12582912;
const [leading, ...coefficients] = [1.326471451e-3, 9.671513923e-3, 5.550733954e-2, 2.402224243e-1, 6.931470037e-1, 1] as const;

/** What `exponential` of e^x reads, the most important first. */
export const constantsOfExponential = [magic, log2OfE, -64, leading, ...coefficients.toReversed()] as const;
/** The same of e^-x and of `logistic`. */
export const constantsOfLogistic = [magic, -log2OfE, -64, 64, 1, leading, ...coefficients] as const;

/** x = e^x, or e^-x; as `quickExponential`. Two vectors more are overwritten. */
export function exponential(code: KernelAssembler, x: Vector, [shifted, fraction]: readonly [Vector, Vector], scale = log2OfE): void {
  const { constants } = code;
  const factor = constants.float(scale);
  code.greatestOf(x, code.inRegister(constants.float(-64), shifted), x);
  code.loadVector(shifted, constants.float(magic));
  code.multiplyAdd(shifted, x, factor);
  code.subtractFloats(fraction, code.inRegister(constants.float(magic), fraction), shifted);
  code.multiplyAdd(fraction, x, factor);
  code.loadVector(x, constants.float(leading));
  for (const coefficient of coefficients) code.multiplyThenAdd(x, fraction, constants.float(coefficient));
  code.shiftIntegersLeft(shifted, shifted, 23);
  code.addIntegers(x, x, shifted);
}

/** x = 1 / (1 + e^-x) */
export function logistic(code: KernelAssembler, x: Vector, free: readonly [Vector, Vector]): void {
  const { constants } = code;
  code.leastOf(x, code.inRegister(constants.float(64), free[0]), x);
  exponential(code, x, free, -log2OfE);
  const one = code.inRegister(constants.float(1), free[0]);
  code.addVector(x, one, x);
  code.divide(x, one, x);
}

/** to = e^(-x^2 / 2) */
export function bell(code: KernelAssembler, to: Vector, x: Vector, free: readonly [Vector, Vector]): void {
  const { constants } = code;
  code.multiplyVector(to, x, x);
  code.multiplyVector(to, to, constants.float(0.5));
  code.leastOf(to, code.inRegister(constants.float(64), free[0]), to);
  exponential(code, to, free, -log2OfE);
}

/** to = the distribution function of the normal distribution at x, from e^(-x^2 / 2). */
export function normalDistribution(
  code: KernelAssembler,
  to: Vector,
  { x, density }: { readonly x: Vector; readonly density: Vector },
  [t, other]: readonly [Vector, Vector],
): void {
  const { constants } = code;
  const one = constants.float(1);
  code.loadVector(t, constants.integer(0x7fffffff));
  code.andBits(t, t, x);
  code.loadVector(other, constants.float(0.2316419));
  code.multiplyThenAdd(t, other, one);
  code.divide(t, code.inRegister(one, other), t);
  code.loadVector(to, constants.float(0.5307027145));
  for (const coefficient of [-0.7265760135, 0.7107068705, -0.142248368, 0.127414796]) {
    code.multiplyThenAdd(to, t, constants.float(coefficient));
  }
  code.multiplyVector(to, to, t);
  code.multiplyVector(to, to, density);
  code.subtractFloats(other, code.inRegister(one, other), to);
  code.compareFloats(t, x, 'less', constants.float(0));
  code.blend(to, other, to, t);
}

/** to = ln x for x >= 1, or NaN; as `logarithm`. Four vectors more are overwritten. */
export function logarithm(
  code: KernelAssembler,
  to: Vector,
  x: Vector,
  [power, m, square, free]: readonly [Vector, Vector, Vector, Vector],
): void {
  const { constants } = code;
  const rootOfHalf = constants.integer(0x3f3504f3);
  code.subtractIntegers(m, x, rootOfHalf);
  code.shiftIntegersRight(power, m, 23);
  code.toFloats(power, power);
  code.andBits(m, m, constants.integer(0x007fffff));
  code.addIntegers(m, m, rootOfHalf);
  code.subtractFloats(m, m, constants.float(1));
  code.multiplyVector(square, m, m);
  code.loadVector(to, constants.float(7.0376836292e-2));
  for (const coefficient of logarithmCoefficients) code.multiplyThenAdd(to, m, constants.float(coefficient));
  code.multiplyVector(free, m, square);
  code.multiplyVector(to, free, to);
  code.multiplyAdd(to, power, constants.float(-2.1219444e-4));
  code.multiplyAdd(to, square, constants.float(-0.5));
  code.addVector(to, m, to);
  code.multiplyAdd(to, power, constants.float(0.693359375));
  code.compareFloats(m, x, 'unordered', x);
  code.orBits(to, to, m);
}

const logarithmCoefficients = [
  -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];

/** x = the sum of its first four floats in all places, in the order of `laneSum`. */
export function sumOfFour(code: KernelAssembler, x: Vector, free: Vector): void {
  code.permuteLanes(free, x, 0b01_00_11_10);
  code.addVector(x, x, free);
  code.permuteLanes(free, x, 0b01_01_01_01);
  code.addVector(x, x, free);
  code.broadcastFirst(x, x);
}

/** x = the sum of its eight floats in all places; the halves are two vectors of four that are added first. */
export function sumOfEight(code: KernelAssembler, x: Vector, free: Vector): void {
  exchangeHalves(code, free, x);
  code.addVector(x, x, free);
  sumOfFour(code, x, free);
}

export function exchangeHalves(code: KernelAssembler, to: Vector, from: Vector): void {
  code.permuteHalves(to, from, from, 0x01);
}
