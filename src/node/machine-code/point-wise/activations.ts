import type { Vector } from '../vector-assembler.js';
import { bell, constantsOfLogistic, logistic, normalDistribution } from './functions.js';
import type { KernelAssembler } from './kernel-assembler.js';

/** By their number, as of `activations` in src/tensor/operations/activated-linear.ts. */
export const activationKinds = ['relu', 'gelu', 'gelu-tanh', 'swish'] as const;
type Kind = (typeof activationKinds)[number];

const [x, y, ...free] = [0, 1, 2, 3, 4, 5] as const satisfies Vector[];
const [free0, free1, free2, free3] = free;
/** For constants. */
const held = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const satisfies Vector[];
const [cubic, linear] = [0.0713548163, 1.5957691216];
const constantsOf: Readonly<Record<Kind, readonly number[]>> = {
  relu: [0, 1],
  gelu: [0.5, ...constantsOfLogistic],
  'gelu-tanh': [cubic, linear, ...constantsOfLogistic],
  swish: constantsOfLogistic,
};

/**
 * `activate` of src/tensor/kernels/assembly/activations.ts for one activation: (y, x, bias, rows, bytes of a row). rax y, rcx x, rdx bias,
 * r8 rows left, r9 bytes of a row.
 */
export function activate(code: KernelAssembler, kind: Kind): number {
  const start = code.begin();
  const plain = code.label();
  code.movePlace('rax', 0);
  code.movePlace('rcx', 1);
  code.movePlace('rdx', 2);
  code.moveArgument('r8', 3);
  code.moveArgument('r9', 4);
  code.hold(constantsOf[kind], held);
  code.jumpIfNone(2, plain);
  eachRow(code, ['rax', 'rcx'], () => {
    code.loadVector(x, { base: 'rcx', index: 'r10' });
    code.addVector(x, x, { base: 'rdx', index: 'r10' });
    code.storeVector({ base: 'rcx', index: 'r10' }, x);
    activation(code, kind);
    code.storeVector({ base: 'rax', index: 'r10' }, y);
  });
  code.return();
  code.place(plain);
  eachRow(code, ['rax', 'rcx'], () => {
    code.loadVector(x, { base: 'rcx', index: 'r10' });
    activation(code, kind);
    code.storeVector({ base: 'rax', index: 'r10' }, y);
  });
  code.return();
  return start;
}

/** `activateGradient`: (dx, x, dy, biasGradient, rows, bytes of a row). rax dx, rcx x, r11 dy, rdx biasGradient, r8 rows left, r9 bytes. */
export function activateGradient(code: KernelAssembler, kind: Kind): number {
  const start = code.begin();
  const plain = code.label();
  code.movePlace('rax', 0);
  code.movePlace('rcx', 1);
  code.movePlace('r11', 2);
  code.movePlace('rdx', 3);
  code.moveArgument('r8', 4);
  code.moveArgument('r9', 5);
  code.hold(constantsOf[kind], held);
  const gradient = () => {
    code.loadVector(x, { base: 'rcx', index: 'r10' });
    slope(code, kind);
    code.multiplyVector(y, y, { base: 'r11', index: 'r10' });
    code.storeVector({ base: 'rax', index: 'r10' }, y);
  };
  code.jumpIfNone(3, plain);
  eachRow(code, ['rax', 'rcx', 'r11'], () => {
    gradient();
    code.addVector(y, y, { base: 'rdx', index: 'r10' });
    code.storeVector({ base: 'rdx', index: 'r10' }, y);
  });
  code.return();
  code.place(plain);
  eachRow(code, ['rax', 'rcx', 'r11'], gradient);
  code.return();
  return start;
}

/** Runs the body for each vector of r9 bytes, r8 times; `moved` go on to the next row. */
function eachRow(code: KernelAssembler, moved: readonly ('rax' | 'rcx' | 'r11')[], body: () => void): void {
  const row = code.place();
  code.eachVector('r9', body);
  for (const register of moved) code.add(register, 'r9');
  code.subtract('r8', 1);
  code.jump(row, 'notEqual');
  code.forgetVectors();
}

/** y = activation(x) */
function activation(code: KernelAssembler, kind: Kind): void {
  const { constants } = code;
  if (kind === 'relu') {
    code.greatestOf(y, code.inRegister(constants.float(0), y), x);
    return;
  }
  if (kind === 'gelu') {
    bell(code, free0, x, [free1, free2]);
    normalDistribution(code, y, { x, density: free0 }, [free1, free2]);
  } else if (kind === 'gelu-tanh') {
    code.multiplyVector(free0, x, x);
    twiceTanhArgument(code, y, free0);
    logistic(code, y, [free1, free2]);
  } else {
    code.moveVector(y, x);
    logistic(code, y, [free1, free2]);
  }
  code.multiplyVector(y, y, x);
}

/** y = the derivative of the activation at x */
function slope(code: KernelAssembler, kind: Kind): void {
  const { constants } = code;
  const one = constants.float(1);
  if (kind === 'relu') {
    code.compareFloats(y, x, 'greater', constants.float(0));
    code.andBits(y, y, one);
  } else if (kind === 'gelu') {
    bell(code, free0, x, [free1, free2]);
    normalDistribution(code, y, { x, density: free0 }, [free1, free2]);
    code.multiplyVector(free0, free0, x);
    code.multiplyAdd(y, free0, constants.float(0.3989422804));
  } else if (kind === 'gelu-tanh') {
    code.multiplyVector(free0, x, x);
    twiceTanhArgument(code, y, free0);
    logistic(code, y, [free1, free2]);
    code.loadVector(free3, constants.float(3 * cubic));
    code.multiplyThenAdd(free0, free3, constants.float(linear));
    code.multiplyVector(free0, free0, x);
    code.subtractFloats(free1, code.inRegister(one, free1), y);
    code.multiplyVector(free1, free1, y);
    code.multiplyAdd(y, free1, free0);
  } else {
    code.moveVector(y, x);
    logistic(code, y, [free1, free2]);
    code.multiplyVector(free0, x, y);
    code.subtractFloats(free1, code.inRegister(one, free1), y);
    code.multiplyAdd(y, free0, free1);
  }
}

/** to = twice the argument of tanh: see `twiceTanhArgument` there. */
function twiceTanhArgument(code: KernelAssembler, to: Vector, square: Vector): void {
  const { constants } = code;
  code.loadVector(to, constants.float(cubic));
  code.multiplyThenAdd(to, square, constants.float(linear));
  code.multiplyVector(to, to, x);
}
