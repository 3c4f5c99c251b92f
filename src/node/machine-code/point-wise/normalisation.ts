import type { Register } from '../assembler.js';
import type { Vector } from '../vector-assembler.js';
import { exchangeHalves, sumOfEight, sumOfFour } from './functions.js';
import type { KernelAssembler } from './kernel-assembler.js';

// As src/tensor/kernels/assembly/normalisation.ts, sums in the same order.

const [mean, factor, value, other, sum, products, count, fromMean, swapped] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const satisfies Vector[];

/**
 * `normalise` with a gain: (y, sum, x, residual, gain, bias, statistics, rows, bytes of a row, centred, known), then a row's columns as a
 * float, and as a double after epsilon. rax y, rcx x, r11 residual, rdx what is normalised, rbx gain, rbp bias, r12 statistics, r8 rows
 * left, r9 bytes of a row.
 */
export function normalise(code: KernelAssembler): number {
  const saved = ['rbx', 'rbp', 'r12'] as const satisfies Register[];
  const start = code.begin();
  code.push(...saved);
  code.movePlace('rax', 0);
  code.movePlace('rdx', 1);
  code.movePlace('rcx', 2);
  code.movePlace('r11', 3);
  code.movePlace('rbx', 4);
  code.movePlace('rbp', 5);
  code.movePlace('r12', 6);
  code.moveArgument('r8', 7);
  code.moveArgument('r9', 8);
  code.broadcastFloat(count, 0);
  const hasSum = code.label();
  code.moveHalf('r10', code.argument(3));
  code.compare('r10', 0);
  code.jump(hasSum, 'notEqual');
  code.move('rdx', 'rcx');
  code.place(hasSum);

  const row = code.place();
  const [measure, scale, squares, deviations] = [code.label(), code.label(), code.label(), code.label()];
  code.jumpIfNone(10, measure);
  code.broadcast(mean, { base: 'r12' });
  code.broadcast(factor, { base: 'r12', displacement: 4 });
  code.jump(scale);

  code.place(measure);
  code.clearVector(sum);
  code.jumpIfNone(9, squares);
  eachSummed(code, () => code.addVector(sum, sum, value));
  sumOfEight(code, sum, other);
  code.divide(mean, sum, count);
  code.clearVector(sum);
  code.eachVector('r9', () => {
    code.loadVector(value, { base: 'rdx', index: 'r10' });
    code.subtractFloats(value, value, mean);
    code.multiplyAdd(sum, value, value);
  });
  code.jump(deviations);
  code.place(squares);
  code.clearVector(mean);
  eachSummed(code, () => code.multiplyAdd(sum, value, value));
  code.place(deviations);
  sumOfEight(code, sum, other);
  code.toDoubles(sum, sum);
  code.broadcastDouble(other, 1);
  code.divideDoubles(sum, sum, other);
  code.broadcastDouble(other, 0);
  code.addDoubles(sum, sum, other);
  code.rootOfDoubles(sum, sum);
  code.broadcastDouble(other, 2);
  code.divideDoubles(sum, other, sum);
  code.fromDoubles(factor, sum);
  code.broadcastFirst(factor, factor);
  code.storeFirst({ base: 'r12' }, mean);
  code.storeFirst({ base: 'r12', displacement: 4 }, factor);

  code.place(scale);
  const [unbiased, next] = [code.label(), code.label()];
  const scaled = () => {
    code.loadVector(value, { base: 'rdx', index: 'r10' });
    code.subtractFloats(value, value, mean);
    code.multiplyVector(value, value, factor);
    code.multiplyVector(value, value, { base: 'rbx', index: 'r10' });
  };
  code.jumpIfNone(5, unbiased);
  code.eachVector('r9', () => {
    scaled();
    code.addVector(value, value, { base: 'rbp', index: 'r10' });
    code.storeVector({ base: 'rax', index: 'r10' }, value);
  });
  code.jump(next);
  code.place(unbiased);
  code.eachVector('r9', () => {
    scaled();
    code.storeVector({ base: 'rax', index: 'r10' }, value);
  });

  code.place(next);
  for (const register of ['rax', 'rcx', 'r11', 'rdx'] as const) code.add(register, 'r9');
  code.add('r12', 8);
  code.subtract('r8', 1);
  code.jump(row, 'notEqual');
  code.pop(...saved.toReversed());
  code.forgetVectors();
  code.return();
  return start;
}

/** Each vector of a row of x, to which the residual is added where there is one. */
function eachSummed(code: KernelAssembler, body: () => void): void {
  const [alone, end] = [code.label(), code.label()];
  code.jumpIfNone(3, alone);
  code.eachVector('r9', () => {
    code.loadVector(value, { base: 'rcx', index: 'r10' });
    code.addVector(value, value, { base: 'r11', index: 'r10' });
    code.storeVector({ base: 'rdx', index: 'r10' }, value);
    body();
  });
  code.jump(end);
  code.place(alone);
  code.eachVector('r9', () => {
    code.loadVector(value, { base: 'rcx', index: 'r10' });
    body();
  });
  code.place(end);
}

/**
 * `normaliseGradient` where dx is written, and there are a gain and its gradient: (dx, dResidual, dGain, dBias, dy, dSum, x, gain,
 * statistics, rows, bytes of a row, centred), then a row's columns as a float. rax dx, rcx dResidual, rbx dGain, rbp dBias, rdx dy,
 * r11 dSum, r12 x, r13 gain, r14 statistics, r8 rows left, r9 bytes of a row.
 */
export function normaliseGradient(code: KernelAssembler): number {
  const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14'] as const satisfies Register[];
  const start = code.begin();
  code.push(...saved);
  for (const [position, register] of (['rax', 'rcx', 'rbx', 'rbp', 'rdx', 'r11', 'r12', 'r13', 'r14'] as const).entries()) {
    code.movePlace(register, position);
  }
  code.moveArgument('r8', 9);
  code.moveArgument('r9', 10);
  code.broadcastFloat(count, 0);

  const row = code.place();
  code.broadcast(mean, { base: 'r14' });
  code.broadcast(factor, { base: 'r14', displacement: 4 });
  code.clearVector(sum);
  code.clearVector(products);
  const sums = () => {
    code.loadVector(other, { base: 'r12', index: 'r10' });
    code.subtractFloats(other, other, mean);
    code.multiplyVector(other, other, factor);
    code.loadVector(value, { base: 'rdx', index: 'r10' });
    code.loadVector(swapped, { base: 'rbx', index: 'r10' });
    code.multiplyAdd(swapped, value, other);
    code.storeVector({ base: 'rbx', index: 'r10' }, swapped);
  };
  // Of a sum the first four places count; there the second half of a vector follows the first.
  const addUp = () => {
    code.multiplyVector(value, value, { base: 'r13', index: 'r10' });
    code.addVector(sum, sum, value);
    code.multiplyAdd(products, value, other);
    exchangeHalves(code, value, value);
    exchangeHalves(code, other, other);
    code.addVector(sum, sum, value);
    code.multiplyAdd(products, value, other);
  };
  const [unbiased, summed] = [code.label(), code.label()];
  code.jumpIfNone(3, unbiased);
  code.eachVector('r9', () => {
    sums();
    code.addVector(swapped, value, { base: 'rbp', index: 'r10' });
    code.storeVector({ base: 'rbp', index: 'r10' }, swapped);
    addUp();
  });
  code.jump(summed);
  code.place(unbiased);
  code.eachVector('r9', () => {
    sums();
    addUp();
  });
  code.place(summed);
  sumOfFour(code, sum, other);
  sumOfFour(code, products, other);
  const centred = code.label();
  code.divide(sum, sum, count);
  code.moveHalf('r10', code.argument(11));
  code.compare('r10', 0);
  code.jump(centred, 'notEqual');
  code.clearVector(sum);
  code.place(centred);
  code.multiplyVector(products, products, factor);
  code.divide(products, products, count);

  const gradient = () => {
    code.loadVector(value, { base: 'rdx', index: 'r10' });
    code.multiplyVector(value, value, { base: 'r13', index: 'r10' });
    code.loadVector(fromMean, { base: 'r12', index: 'r10' });
    code.subtractFloats(fromMean, fromMean, mean);
    code.multiplyVector(fromMean, fromMean, products);
    code.subtractFloats(value, value, sum);
    code.subtractFloats(value, value, fromMean);
    code.multiplyVector(value, value, factor);
  };
  const [alone, next] = [code.label(), code.label()];
  code.jumpIfNone(1, alone);
  code.eachVector('r9', () => {
    gradient();
    code.addVector(value, value, { base: 'r11', index: 'r10' });
    code.storeVector({ base: 'rax', index: 'r10' }, value);
    code.storeVector({ base: 'rcx', index: 'r10' }, value);
  });
  code.jump(next);
  code.place(alone);
  code.eachVector('r9', () => {
    gradient();
    code.storeVector({ base: 'rax', index: 'r10' }, value);
  });
  code.place(next);
  for (const register of ['rax', 'rcx', 'rdx', 'r11', 'r12'] as const) code.add(register, 'r9');
  code.add('r14', 8);
  code.subtract('r8', 1);
  code.jump(row, 'notEqual');
  code.pop(...saved.toReversed());
  code.forgetVectors();
  code.return();
  return start;
}
