import type { Label, Register } from '../assembler.js';
import type { Vector } from '../vector-assembler.js';
import { constantsOfExponential, exchangeHalves, exponential, logarithm, sumOfFour } from './functions.js';
import { argumentPlaces, type KernelAssembler, vectorBytes } from './kernel-assembler.js';

// As src/tensor/kernels/assembly/head-rows.ts and probabilities.ts, without dropout and without weights that somebody asked for. The last
// vector of what a query sees may have floats that it does not see: a mask tells them.

const [value, shifted, fraction, scale, sum, shift, greatest, other, mask, delta] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const satisfies Vector[];
const free = [shifted, fraction] as const;
const held = [10, 11, 12, 13, 14, 15] as const satisfies Vector[];

/** The integer arguments of both functions by position; those from `gradients` on are of `headGradients`. */
export const positions = {
  scores: 0,
  rows: 1,
  rowBytes: 2,
  /** What the first row sees, and how many more each one than that before it. */
  visible: 3,
  step: 4,
  /** Bytes up to which rows are cleared. */
  seenBytes: 5,
  statistics: 6,
  statisticBytes: 7,
  heads: 8,
  /** Bytes from the scores of one head to those of the next. */
  scoreBytes: 9,
  gradients: 10,
  outputGradient: 11,
  output: 12,
  outputRowBytes: 13,
  /** Of what a head gives. */
  headBytes: 14,
} as const;

/**
 * rax row of scores, r11 bytes to the next, r8 rows left, rcx what this one sees and r13 how many more the next one, rdx bytes up to which
 * all are cleared, rbp its statistic and r12 bytes to the next.
 */
function begin(code: KernelAssembler): void {
  code.movePlace('rax', positions.scores);
  code.moveArgument('r8', positions.rows);
  code.moveArgument('r11', positions.rowBytes);
  code.moveArgument('rcx', positions.visible);
  code.moveArgument('r13', positions.step);
  code.moveArgument('rdx', positions.seenBytes);
  code.movePlace('rbp', positions.statistics);
  code.moveArgument('r12', positions.statisticBytes);
  code.broadcastFloat(scale, 0);
}

/** r9 = the bytes of vectors that this row sees something of, and the mask of the last one. Overwrites r10. */
function measureRow(code: KernelAssembler): void {
  code.addressOf('r10', { base: 'rcx', index: 'rcx', scale: 1 });
  code.add('r10', 'r10');
  code.addressOf('r9', { base: 'r10', displacement: vectorBytes - 1 });
  code.and('r9', -vectorBytes);
  // A mask of n floats begins 4 (8 - n) bytes after the first.
  code.subtract('r10', 'r9');
  code.move('rbx', 'rsi');
  code.subtract('rbx', 'r10');
  code.loadVector(mask, { base: 'rbx', displacement: argumentPlaces.masks });
}

/** Runs `each` for all vectors of a row, and for the last one with `last`. */
function eachMasked(code: KernelAssembler, body: (isLast: boolean) => void): void {
  const [last, again] = [code.label(), code.label()];
  code.subtract('r9', vectorBytes);
  code.move('r10', 0);
  code.place(again);
  code.compare('r10', 'r9');
  code.jump(last, 'equal');
  body(false);
  code.add('r10', vectorBytes);
  code.jump(again);
  code.place(last);
  body(true);
  code.add('r9', vectorBytes);
}

/** Clears rows from r9 up to rdx bytes. */
function clearRest(code: KernelAssembler, rows: readonly Register[]): void {
  const [again, end] = [code.label(), code.label()];
  code.clearVector(value);
  code.place(again);
  code.compare('r9', 'rdx');
  code.jump(end, 'equal');
  for (const row of rows) code.storeVector({ base: row, index: 'r9' }, value);
  code.add('r9', vectorBytes);
  code.jump(again);
  code.place(end);
}

function nextRow(code: KernelAssembler, rows: readonly Register[]): void {
  for (const row of rows) code.add(row, 'r11');
  code.add('rbp', 'r12');
  code.add('rcx', 'r13');
  code.subtract('r8', 1);
}

/** Goes on with the next head, if there is one. The arguments are counted on where they lie. Overwrites r10 and rax. */
function nextHead(
  code: KernelAssembler,
  head: Label,
  advances: readonly (readonly [keyof typeof positions, keyof typeof positions | number])[],
): void {
  for (const [position, by] of advances) {
    code.moveArgument('r10', positions[position]);
    if (typeof by === 'number') code.add('r10', by);
    else {
      code.moveArgument('rax', positions[by]);
      code.add('r10', 'rax');
    }
    code.storeHalf(code.argument(positions[position]), 'r10');
  }
  code.moveArgument('r10', positions.heads);
  code.subtract('r10', 1);
  code.storeHalf(code.argument(positions.heads), 'r10');
  code.jump(head, 'notEqual');
}

/** `headProbabilities`, and the scale as a float. */
export function headProbabilities(code: KernelAssembler): number {
  const saved = ['rbx', 'rbp', 'r12', 'r13'] as const satisfies Register[];
  const { constants } = code;
  const at = { base: 'rax', index: 'r10' } as const;
  const start = code.begin();
  code.push(...saved);
  code.hold(constantsOfExponential, held);
  const head = code.place();
  begin(code);

  const row = code.place();
  measureRow(code);
  const least = constants.float(-Infinity);
  code.loadVector(greatest, least);
  eachMasked(code, (isLast) => {
    code.loadVector(value, at);
    if (isLast) {
      code.loadVector(other, least);
      code.blend(value, other, value, mask);
    }
    code.greatestOf(greatest, value, greatest);
  });
  exchangeHalves(code, other, greatest);
  code.greatestOf(greatest, greatest, other);
  for (const selection of [0b01_00_11_10, 0b10_11_00_01]) {
    code.permuteLanes(other, greatest, selection);
    code.greatestOf(greatest, greatest, other);
  }
  code.multiplyVector(greatest, greatest, scale);
  code.multiplyVector(shift, greatest, constants.float(-1));
  code.clearVector(sum);
  eachMasked(code, (isLast) => {
    code.loadVector(value, at);
    code.multiplyThenAdd(value, scale, shift);
    exponential(code, value, free);
    if (isLast) code.andBits(value, value, mask);
    code.storeVector(at, value);
    code.addVector(sum, sum, value);
    exchangeHalves(code, value, value);
    code.addVector(sum, sum, value);
  });
  sumOfFour(code, sum, other);
  code.loadVector(shift, constants.float(1));
  code.divide(shift, shift, sum);
  code.eachVector('r9', () => {
    code.multiplyVector(value, shift, at);
    code.storeVector(at, value);
  });
  clearRest(code, ['rax']);
  logarithm(code, value, sum, [shifted, fraction, other, shift]);
  code.addVector(value, greatest, value);
  code.storeFirst({ base: 'rbp' }, value);
  nextRow(code, ['rax']);
  code.jump(row, 'notEqual');
  nextHead(code, head, [
    ['scores', 'scoreBytes'],
    ['statistics', 4],
  ]);
  code.pop(...saved.toReversed());
  code.forgetVectors();
  code.return();
  return start;
}

/** `headGradients`, and the scale as a float. rbx row of gradients, r14 of the output's gradient, r15 of the output. */
export function headGradients(code: KernelAssembler): number {
  const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];
  const { constants } = code;
  const at = { base: 'rax', index: 'r10' } as const;
  const gradientAt = { base: 'rbx', index: 'r10' } as const;
  const start = code.begin();
  code.push(...saved);
  code.hold(constantsOfExponential, held);
  const head = code.place();
  begin(code);
  code.movePlace('rbx', positions.gradients);
  code.movePlace('r14', positions.outputGradient);
  code.movePlace('r15', positions.output);

  const row = code.place();
  // delta = output gradient . output
  code.clearVector(delta);
  code.clearVector(sum);
  code.push('rbx');
  code.moveArgument('rbx', positions.headBytes);
  code.move('r10', 0);
  const term = code.place();
  for (const [to, displacement] of [
    [delta, 0],
    [sum, vectorBytes],
  ] as const) {
    code.loadVector(value, { base: 'r14', index: 'r10', displacement });
    code.multiplyAdd(to, value, { base: 'r15', index: 'r10', displacement });
  }
  code.add('r10', 2 * vectorBytes);
  code.compare('r10', 'rbx');
  code.jump(term, 'below');
  for (const half of [delta, sum]) {
    exchangeHalves(code, other, half);
    code.addVector(half, half, other);
  }
  code.addVector(delta, delta, sum);
  sumOfFour(code, delta, other);

  measureRow(code);
  code.pop('rbx');
  code.broadcast(shift, { base: 'rbp' });
  code.multiplyVector(shift, shift, constants.float(-1));
  eachMasked(code, (isLast) => {
    code.loadVector(value, at);
    code.multiplyThenAdd(value, scale, shift);
    exponential(code, value, free);
    code.loadVector(other, gradientAt);
    code.subtractFloats(other, other, delta);
    code.multiplyVector(shifted, value, scale);
    code.multiplyVector(other, shifted, other);
    if (isLast) {
      code.andBits(value, value, mask);
      code.andBits(other, other, mask);
    }
    code.storeVector(at, value);
    code.storeVector(gradientAt, other);
  });
  clearRest(code, ['rax', 'rbx']);
  code.moveArgument('r10', positions.outputRowBytes);
  code.add('r14', 'r10');
  code.add('r15', 'r10');
  nextRow(code, ['rax', 'rbx']);
  code.jump(row, 'notEqual');
  nextHead(code, head, [
    ['scores', 'scoreBytes'],
    ['gradients', 'scoreBytes'],
    ['statistics', 4],
    ['outputGradient', 'headBytes'],
    ['output', 'headBytes'],
  ]);
  code.pop(...saved.toReversed());
  code.forgetVectors();
  code.return();
  return start;
}
