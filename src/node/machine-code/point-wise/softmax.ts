import type { Register } from '../assembler.js';
import type { Vector } from '../vector-assembler.js';
import { constantsOfExponential, exchangeHalves, exponential, logarithm, sumOfEight, sumOfFour } from './functions.js';
import { type KernelAssembler, vectorBytes } from './kernel-assembler.js';

// As src/tensor/kernels/assembly/softmax.ts and search.ts, sums in the same order: of a vector of eight first the first half, then the second.

const [value, shifted, fraction, other, sum, logTotal, maximum, greatest, total, targetLoss, mean, factor] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
] as const satisfies Vector[];
const free = [shifted, fraction] as const;
const held = [12, 13, 14, 15] as const satisfies Vector[];
const [row, bias] = [
  { base: 'rax', index: 'r10' },
  { base: 'rcx', index: 'r10' },
] as const;

/** x = the greatest of its floats in all places. */
function greatestOfEight(code: KernelAssembler, x: Vector): void {
  exchangeHalves(code, other, x);
  code.greatestOf(x, x, other);
  for (const selection of [0b01_00_11_10, 0b10_11_00_01]) {
    code.permuteLanes(other, x, selection);
    code.greatestOf(x, x, other);
  }
}

/** Adds e^value to the first four places of the sum, and leaves it in `value`; the maximum has been subtracted. */
function addExponential(code: KernelAssembler, keep: () => void): void {
  exponential(code, value, free);
  keep();
  code.addVector(sum, sum, value);
  exchangeHalves(code, value, value);
  code.addVector(sum, sum, value);
}

/** `softmaxCrossEntropy` with a gradient: integer arguments by position. */
export const softmaxPositions = {
  logits: 0,
  bias: 1,
  targets: 2,
  losses: 3,
  logProbabilities: 4,
  biasGradient: 5,
  rows: 6,
  rowBytes: 7,
  /** Whether labels are smoothed. */
  smooths: 8,
} as const;

/**
 * Floats are 1 - smoothing, smoothing, what the gradient of the target misses, what all others have less, and the columns of a row; the
 * double is the scale of gradients. rax row, r11 the next one, rcx bias, rdx biasGradient, r8 rows left, r9 bytes of a row, rbx targets,
 * rbp losses, r12 log-probabilities, r13 the target in its row.
 */
export function softmaxCrossEntropy(code: KernelAssembler): number {
  const saved = ['rbx', 'rbp', 'r12', 'r13'] as const satisfies Register[];
  const { constants } = code;
  const start = code.begin();
  code.push(...saved);
  code.movePlace('rax', softmaxPositions.logits);
  code.movePlace('rcx', softmaxPositions.bias);
  code.movePlace('rbx', softmaxPositions.targets);
  code.movePlace('rbp', softmaxPositions.losses);
  code.movePlace('r12', softmaxPositions.logProbabilities);
  code.movePlace('rdx', softmaxPositions.biasGradient);
  code.moveArgument('r8', softmaxPositions.rows);
  code.moveArgument('r9', softmaxPositions.rowBytes);
  code.hold(constantsOfExponential, held);
  const least = constants.float(-Infinity);
  code.loadVector(greatest, least);
  code.eachVector('r9', () => {
    code.loadVector(value, row);
    code.addVector(value, value, bias);
    code.greatestOf(greatest, value, greatest);
  });

  const each = code.place();
  greatestOfEight(code, greatest);
  code.moveVector(maximum, greatest);
  code.moveHalf('r13', { base: 'rbx' });
  code.shiftLeft('r13', 2);
  code.broadcast(targetLoss, { base: 'rax', index: 'r13' });
  code.broadcast(other, { base: 'rcx', index: 'r13' });
  code.addVector(targetLoss, targetLoss, other);
  code.subtractFloats(targetLoss, targetLoss, maximum);

  const sharp = code.label();
  code.clearVector(mean);
  code.jumpIfNone(softmaxPositions.smooths, sharp);
  code.eachVector('r9', () => {
    code.loadVector(value, row);
    code.addVector(value, value, bias);
    code.addVector(mean, mean, value);
  });
  sumOfEight(code, mean, other);
  code.broadcastFloat(other, 4);
  code.divide(mean, mean, other);
  code.place(sharp);

  // The next row arrives from a far memory while there is something to compute.
  const [last, summed] = [code.label(), code.label()];
  const exponentiate = (lookAhead: boolean) => {
    code.loadVector(greatest, least);
    code.clearVector(sum);
    code.eachVector('r9', () => {
      code.loadVector(logTotal, bias);
      if (lookAhead) {
        code.addVector(value, logTotal, { base: 'r11', index: 'r10' });
        code.greatestOf(greatest, value, greatest);
      }
      code.addVector(value, logTotal, row);
      code.subtractFloats(value, value, maximum);
      addExponential(code, () => code.storeVector(row, value));
    });
  };
  code.addressOf('r11', { base: 'rax', index: 'r9' });
  code.compare('r8', 1);
  code.jump(last, 'equal');
  exponentiate(true);
  code.jump(summed);
  code.place(last);
  exponentiate(false);
  code.place(summed);

  sumOfFour(code, sum, other);
  code.moveVector(total, sum);
  logarithm(code, logTotal, total, [shifted, fraction, other, value]);
  code.subtractFloats(targetLoss, logTotal, targetLoss);
  code.subtractFloats(mean, mean, maximum);
  code.subtractFloats(mean, logTotal, mean);
  code.broadcastFloat(other, 1);
  code.multiplyVector(mean, mean, other);
  code.broadcastFloat(other, 0);
  code.multiplyVector(other, other, targetLoss);
  code.addVector(other, other, mean);
  code.storeFirst({ base: 'rbp' }, other);
  code.multiplyVector(targetLoss, targetLoss, constants.float(-1));
  code.storeFirst({ base: 'r12' }, targetLoss);

  code.toDoubles(total, total);
  code.broadcastDouble(other, 0);
  code.divideDoubles(other, other, total);
  code.fromDoubles(factor, other);
  code.broadcastFirst(factor, factor);
  code.broadcastFloat(other, 2);
  code.divide(other, other, factor);
  code.broadcast(value, { base: 'rax', index: 'r13' });
  code.subtractFloats(value, value, other);
  code.storeFirst({ base: 'rax', index: 'r13' }, value);
  code.broadcastFloat(mean, 3);
  const scale = () => {
    code.multiplyVector(value, factor, row);
    code.subtractFloats(value, value, mean);
    code.storeVector(row, value);
  };
  const [alone, next] = [code.label(), code.label()];
  code.jumpIfNone(softmaxPositions.biasGradient, alone);
  code.eachVector('r9', () => {
    scale();
    code.addVector(value, value, { base: 'rdx', index: 'r10' });
    code.storeVector({ base: 'rdx', index: 'r10' }, value);
  });
  code.jump(next);
  code.place(alone);
  code.eachVector('r9', scale);
  code.place(next);
  code.add('rax', 'r9');
  for (const register of ['rbx', 'rbp', 'r12'] as const) code.add(register, 4);
  code.subtract('r8', 1);
  code.jump(each, 'notEqual');
  code.pop(...saved.toReversed());
  code.forgetVectors();
  code.return();
  return start;
}

/** Bytes of a row whose greatest value is noted; as in search.ts. */
const stretchBytes = 512;

/**
 * `addBiasAndNormalise`: (logits, bias, rows, bytes of a row, normalisers, maxima). rax row, rcx bias, r8 rows left, r9 bytes of a row,
 * rdx normalisers, r11 maxima, rbx end of the stretch.
 */
export function addBiasAndNormalise(code: KernelAssembler): number {
  const { constants } = code;
  const start = code.begin();
  code.push('rbx');
  code.movePlace('rax', 0);
  code.movePlace('rcx', 1);
  code.moveArgument('r8', 2);
  code.moveArgument('r9', 3);
  code.movePlace('rdx', 4);
  code.movePlace('r11', 5);
  code.hold(constantsOfExponential, held);
  const least = constants.float(-Infinity);

  const each = code.place();
  code.loadVector(maximum, least);
  code.move('rbx', 0);
  const stretch = code.place();
  code.loadVector(greatest, least);
  code.move('r10', 'rbx');
  code.add('rbx', stretchBytes);
  const whole = code.label();
  code.compare('rbx', 'r9');
  code.jump(whole, 'notAbove');
  code.move('rbx', 'r9');
  code.place(whole);
  const [unbiased, noted] = [code.label(), code.label()];
  // r10 is in use: the bias is asked for in another way than elsewhere.
  code.compare('rcx', 'rdi');
  code.jump(unbiased, 'equal');
  const until = (body: () => void) => {
    const again = code.place();
    body();
    code.add('r10', vectorBytes);
    code.compare('r10', 'rbx');
    code.jump(again, 'below');
  };
  until(() => {
    code.loadVector(value, row);
    code.addVector(value, value, bias);
    code.storeVector(row, value);
    code.greatestOf(greatest, value, greatest);
  });
  code.jump(noted);
  code.place(unbiased);
  until(() => {
    code.loadVector(value, row);
    code.greatestOf(greatest, value, greatest);
  });
  code.place(noted);
  greatestOfEight(code, greatest);
  code.greatestOf(maximum, maximum, greatest);
  code.storeFirst({ base: 'r11' }, greatest);
  code.add('r11', 4);
  code.compare('rbx', 'r9');
  code.jump(stretch, 'below');

  code.clearVector(sum);
  code.eachVector('r9', () => {
    code.loadVector(value, row);
    code.subtractFloats(value, value, maximum);
    addExponential(code, () => {});
  });
  sumOfFour(code, sum, other);
  logarithm(code, logTotal, sum, [shifted, fraction, other, value]);
  code.storeFirst({ base: 'rdx' }, maximum);
  code.storeFirst({ base: 'rdx', displacement: 4 }, logTotal);
  code.add('rax', 'r9');
  code.add('rdx', 8);
  code.subtract('r8', 1);
  code.jump(each, 'notEqual');
  code.pop('rbx');
  code.forgetVectors();
  code.return();
  return start;
}
