import type { Address, Register } from './assembler.js';
import { IntegerAssembler } from './integer-assembler.js';

/** Rows that are summed at once: each takes a vector, and so do the weights, an activation, its products, ones and a mask. */
const tileRows = 6;
/** As src/tensor/kernels/assembly/integers.ts packs them. */
const panelHead = 64;
const rowHead = 16;
const [weights, activation, ones, scales, sumsOfWeights] = [8, 9, 10, 11, 12] as const;
const lastMask = 1;

const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];

/** Arguments, as the C interface of x86-64 passes them (System V); the mask is 0 when the last panel is whole. */
export const integerArguments = [
  'rows',
  'panels',
  'c',
  'm',
  'panelCount',
  'groups',
  'rowBytes',
  'rowBytesC',
  'mask',
  'accumulate',
] as const;

/**
 * The product of `integerMultiply` (assembly/integers.ts) with AVX2: four bytes of a row are multiplied with four bytes of eight weights at a
 * time. Sums are exact and what follows is in the same order, so results are the same bits.
 *
 * rdi rows of activations, rsi the panel, rdx its columns of C, rcx rows, r8 panels left, r9 groups of four; within a panel r11 rows
 * left, r12 the tile's rows, r13 its rows of C, r15 bytes from row to row, r10 bytes from row to row of C.
 */
export function integerCode(): Uint8Array {
  const code = new IntegerAssembler();
  code.push(...saved);
  const argument = (position: number): Address => ({ base: 'rsp', displacement: 8 * (saved.length + 1 + position) });
  const frame = { mask: argument(2), accumulate: argument(3) };
  code.move('r15', argument(0));
  code.move('r10', argument(1));
  code.oneInWords(ones);

  const [panel, end] = [code.place(), code.label()];
  code.move('r11', 'rcx');
  code.move('r12', 'rdi');
  code.move('r13', 'rdx');
  const [tile, rest, next] = [code.place(), code.label(), code.label()];
  code.compare('r11', tileRows);
  code.jump(rest, 'below');
  sumTile(code, tileRows, frame);
  code.subtract('r11', tileRows);
  code.jump(tile);
  code.place(rest);
  for (let rows = tileRows - 1; rows > 0; rows--) {
    const other = code.label();
    code.compare('r11', rows);
    code.jump(other, 'notEqual');
    sumTile(code, rows, frame);
    code.jump(next);
    code.place(other);
  }
  code.place(next);
  code.move('rax', 'r9');
  code.shiftLeft('rax', 5);
  code.add('rsi', 'rax');
  code.add('rsi', panelHead);
  code.add('rdx', 32);
  code.subtract('r8', 1);
  code.jump(end, 'equal');
  code.jump(panel);

  code.place(end);
  code.pop(...[...saved].reverse());
  code.forgetVectors();
  code.return();
  return code.code;
}

/** Leaves r12 and r13 at the next tile. */
function sumTile(code: IntegerAssembler, rows: number, { mask, accumulate }: { mask: Address; accumulate: Address }): void {
  for (let row = 0; row < rows; row++) code.clearVector(row);
  // Of three rows each, a register holds the first.
  const bases = (['rax', 'rbp'] as const).slice(0, Math.ceil(rows / 3));
  code.addressOf('rax', { base: 'r12', displacement: rowHead });
  if (bases.length > 1) {
    code.addressOf('rbp', { base: 'rax', index: 'r15', scale: 2 });
    code.add('rbp', 'r15');
  }
  code.addressOf('rbx', { base: 'rsi', displacement: panelHead });
  code.move('r14', 'r9');
  const group = code.place();
  code.loadVector(weights, { base: 'rbx' });
  for (let row = 0; row < rows; row++) {
    code.broadcastIntegers(activation, addressOfRow(bases[Math.floor(row / 3)] ?? 'rax', row % 3));
    code.multiplyBytes(activation, activation, weights);
    code.multiplyWords(activation, activation, ones);
    code.addIntegers(row, row, activation);
  }
  for (const base of bases) code.add(base, 4);
  code.add('rbx', 32);
  code.subtract('r14', 1);
  code.jump(group, 'notEqual');

  code.loadVector(scales, { base: 'rsi' });
  code.loadVector(sumsOfWeights, { base: 'rsi', displacement: 32 });
  for (let row = 0; row < rows; row++) {
    code.broadcastIntegers(activation, { base: 'r12', displacement: 4 });
    code.multiplyIntegers(activation, activation, sumsOfWeights);
    code.subtractIntegers(row, row, activation);
    code.toFloats(row, row);
    code.broadcastIntegers(activation, { base: 'r12' });
    code.multiplyVector(row, row, activation);
    code.multiplyVector(row, row, scales);
    code.add('r12', 'r15');
  }
  // The last panel alone may have fewer columns than eight.
  const [masked, end] = [code.label(), code.label()];
  code.compare('r8', 1);
  code.jump(masked, 'equal');
  const whole = code.place();
  writeTile(code, rows, accumulate, false);
  code.jump(end);
  code.place(masked);
  code.move('rax', mask);
  code.compare('rax', 0);
  code.jump(whole, 'equal');
  code.setMask(lastMask, { base: 'rax' });
  writeTile(code, rows, accumulate, true);
  code.place(end);
}

function addressOfRow(base: Register, row: number): Address {
  return row === 0 ? { base } : { base, index: 'r15', scale: row === 1 ? 1 : 2 };
}

function writeTile(code: IntegerAssembler, rows: number, accumulate: Address, isMasked: boolean): void {
  const mask = isMasked ? lastMask : undefined;
  const write = code.label();
  code.move('rax', accumulate);
  code.compare('rax', 0);
  code.jump(write, 'equal');
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    code.loadVector(activation, { base: 'rax' }, mask);
    code.addVector(row, activation, row);
    code.add('rax', 'r10');
  }
  code.place(write);
  for (let row = 0; row < rows; row++) {
    code.storeVector({ base: 'r13' }, row, mask);
    code.add('r13', 'r10');
  }
}
