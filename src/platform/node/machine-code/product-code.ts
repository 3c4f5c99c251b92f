import { type Address, Assembler, type Register } from './assembler.js';

/** Rows and columns of C that are summed in registers at once: 28 sums, two vectors of B, two values of A. */
export const tileRows = 14;
export const panelColumns = 32;
/** The longest sum before C is read and written again. */
export const blockLength = 512;
/** Distance of the rows of A in a tile of rows: no power of two, which would let fourteen rows compete for one set of the cache. */
export const rowPitch = 4 * (blockLength + 16);
/** Distance of the columns of A in a tile of columns. Each is written as a whole vector, whose end the next one covers. */
const columnPitch = 4 * tileRows;
/** Room for a tile of either kind. */
export const tileBytes = tileRows * rowPitch;
const panelPitch = 4 * panelColumns;
const vectorBytes = 64;
const vectorFloats = 16;

/** Where each function begins. Arguments are addresses and counts as the C interface of x86-64 passes them (System V). */
export interface ProductCode {
  readonly code: Uint8Array;
  readonly functions: Readonly<Record<ProductFunction, number>>;
}

export const productFunctions = {
  /** C [+]= A B for tiles of A whose rows lie one after the other: (a, b, c, rows, panels, length, rowBytesC, lastMask, accumulate). */
  multiplyRows: 9,
  /** The same for tiles of A whose columns lie one after the other. */
  multiplyColumns: 9,
  /** Copies rows of floats: (from, to, rows, floats, rowBytesFrom, rowBytesTo). Writes whole vectors, zeros after the last float. */
  copyRows: 6,
  /** Cuts rows into tiles: (from, to, rows, tiles, rowBytesFrom, mask): fourteen floats of each row go into each tile. */
  copyTiles: 6,
  /** Cuts rows into panels: (from, to, rows, panels, rowBytesFrom, mask): 32 floats of each row go into each panel. */
  copyPanels: 6,
  /** Sixteen rows become columns: (from, to, length, rowBytesFrom, rowBytesTo). */
  transpose: 5,
  /** One row becomes a column: (from, to, length, rowBytesTo). */
  scatter: 4,
} as const;
export type ProductFunction = keyof typeof productFunctions;

/**
 * Writes the functions that products are made of, after Goto & van de Geijn, Anatomy of High-Performance Matrix
 * Multiplication (2008): B is copied into panels of 32 columns, A into tiles of 14 rows, both as long as a sum, and each tile of C is
 * summed in registers.
 */
export function productCode(): ProductCode {
  const code = new Assembler();
  const functions = {
    multiplyRows: multiply(code, { perRow: rowPitch, perTerm: 4 }),
    multiplyColumns: multiply(code, { perRow: 4, perTerm: columnPitch }),
    copyRows: copyRows(code),
    copyTiles: cutRows(code, { floats: tileRows, pitch: columnPitch, distance: tileBytes }),
    copyPanels: cutRows(code, { floats: panelColumns, pitch: panelPitch, distance: 'rows' }),
    transpose: transpose(code),
    scatter: scatter(code),
  };
  return { code: code.code, functions };
}

/** How a tile of A lies: bytes from row to row, and from term to term of a sum. */
interface TileLayout {
  readonly perRow: number;
  readonly perTerm: number;
}

const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];
const restored = [...saved].reverse();
const [leftMask, rightMask] = [1, 2];
const [left, right] = [28, 29];

/**
 * Throughout: rdi tiles of A, rsi the panel of B, rdx its columns of C, rcx rows, r8 panels left, r9 length of the sums, r10 bytes
 * of a row of C; within a panel r11 rows left, r12 the tile of A, r13 the tile of C, r15 what to fetch and rbp how far it goes a
 * term.
 */
function multiply(code: Assembler, layout: TileLayout): number {
  const start = code.begin();
  code.push(...saved);
  // One local, the end of the next panel; then the saved registers, the caller's address, the arguments on the stack.
  code.subtract('rsp', 8);
  const argument = (position: number): Address => ({ base: 'rsp', displacement: 8 * (1 + saved.length + 1 + position) });
  const frame: Frame = { fetchEnd: { base: 'rsp' }, accumulate: argument(2) };
  code.move('r10', argument(0));
  code.move('rax', 0xffff);
  code.setMask(leftMask, 'rax');
  code.setMask(rightMask, 'rax');

  const panel = code.place();
  const [whole, end] = [code.label(), code.label()];
  code.compare('r8', 1);
  code.jump(whole, 'notEqual');
  code.move('rax', argument(1));
  code.setMask(leftMask, 'rax');
  code.shiftRight('rax', vectorFloats);
  code.setMask(rightMask, 'rax');
  code.place(whole);
  code.move('r11', 'rcx');
  code.move('r12', 'rdi');
  code.move('r13', 'rdx');
  // The next panel follows this one.
  code.move('r15', 'r9');
  timesPowerOfTwo(code, 'r15', panelPitch);
  code.move('rax', 'r15');
  code.add('r15', 'rsi');
  code.add('rax', 'r15');
  code.store(frame.fetchEnd, 'rax');
  code.move('rbp', vectorBytes);

  const rest = code.label();
  const tile = code.place();
  code.compare('r11', tileRows);
  code.jump(rest, 'below');
  sumTile(code, tileRows, layout, frame);
  code.add('r12', tileBytes);
  code.subtract('r11', tileRows);
  code.jump(tile);

  code.place(rest);
  const nextPanel = code.label();
  for (let rows = tileRows - 1; rows > 0; rows--) {
    const other = code.label();
    code.compare('r11', rows);
    code.jump(other, 'notEqual');
    sumTile(code, rows, layout, frame);
    code.jump(nextPanel);
    code.place(other);
  }
  code.place(nextPanel);
  code.move('rax', 'r9');
  timesPowerOfTwo(code, 'rax', panelPitch);
  code.add('rsi', 'rax');
  code.add('rdx', panelPitch);
  code.subtract('r8', 1);
  code.jump(end, 'equal');
  code.jump(panel);

  code.place(end);
  code.add('rsp', 8);
  code.pop(...restored);
  code.forgetVectors();
  code.return();
  return start;
}

/** What lies on the stack while tiles are summed. */
interface Frame {
  readonly fetchEnd: Address;
  readonly accumulate: Address;
}

/** One tile of C; leaves r13 at the next one. */
function sumTile(code: Assembler, rows: number, { perRow, perTerm }: TileLayout, frame: Frame): void {
  // C is written when the sum is done; its lines come meanwhile.
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    code.prefetch({ base: 'rax' }, 'write');
    code.prefetch({ base: 'rax', displacement: vectorBytes }, 'write');
    code.add('rax', 'r10');
  }
  for (let sum = 0; sum < 2 * rows; sum++) code.clearVector(sum);
  // The next panel of B may lie far: it is fetched while the first tiles of this one are summed.
  const fetching = code.label();
  code.compare('r15', frame.fetchEnd);
  code.jump(fetching, 'below');
  code.move('rbp', 0);
  code.place(fetching);
  code.move('rax', 'r12');
  code.move('rbx', 'rsi');
  code.move('r14', 'r9');
  const term = code.place();
  code.loadVector(left, { base: 'rbx' });
  code.loadVector(right, { base: 'rbx', displacement: vectorBytes });
  code.prefetch({ base: 'r15' }, 'read');
  for (let row = 0; row < rows; row++) {
    const value = 30 + (row % 2);
    code.broadcast(value, { base: 'rax', displacement: row * perRow });
    code.multiplyAdd(2 * row, value, left);
    code.multiplyAdd(2 * row + 1, value, right);
  }
  code.add('rax', perTerm);
  code.add('rbx', panelPitch);
  code.add('r15', 'rbp');
  code.subtract('r14', 1);
  code.jump(term, 'notEqual');

  const write = code.label();
  code.move('rax', frame.accumulate);
  code.compare('rax', 0);
  code.jump(write, 'equal');
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    code.addVector(2 * row, 2 * row, { base: 'rax' }, leftMask);
    code.addVector(2 * row + 1, 2 * row + 1, { base: 'rax', displacement: vectorBytes }, rightMask);
    code.add('rax', 'r10');
  }
  code.place(write);
  for (let row = 0; row < rows; row++) {
    code.storeVector({ base: 'r13' }, 2 * row, leftMask);
    code.storeVector({ base: 'r13', displacement: vectorBytes }, 2 * row + 1, rightMask);
    code.add('r13', 'r10');
  }
}

function timesPowerOfTwo(code: Assembler, what: Register, factor: number): void {
  for (let reached = 1; reached < factor; reached *= 2) code.add(what, what);
}

/** rdi from, rsi to, rdx rows, rcx floats, r8 and r9 bytes of their rows. */
function copyRows(code: Assembler): number {
  const start = code.begin();
  const [rest, next] = [code.label(), code.label()];
  // r11 = whole vectors; the mask is of the floats after them.
  code.move('r11', 'rcx');
  code.shiftRight('r11', Math.log2(vectorFloats));
  code.and('rcx', vectorFloats - 1);
  code.move('rax', 1);
  code.shiftLeftByRcx('rax');
  code.subtract('rax', 1);
  code.setMask(leftMask, 'rax');
  const row = code.place();
  code.move('rax', 'rdi');
  code.move('r10', 'rsi');
  code.push('r11');
  code.compare('r11', 0);
  code.jump(rest, 'equal');
  const full = code.place();
  code.loadVector(0, { base: 'rax' });
  code.storeVector({ base: 'r10' }, 0);
  code.add('rax', vectorBytes);
  code.add('r10', vectorBytes);
  code.subtract('r11', 1);
  code.jump(full, 'notEqual');
  code.place(rest);
  code.pop('r11');
  code.compare('rcx', 0);
  code.jump(next, 'equal');
  code.loadVector(0, { base: 'rax' }, leftMask);
  code.storeVector({ base: 'r10' }, 0);
  code.place(next);
  code.add('rdi', 'r8');
  code.add('rsi', 'r9');
  code.subtract('rdx', 1);
  code.jump(row, 'notEqual');
  code.forgetVectors();
  code.return();
  return start;
}

/**
 * rdi from, rsi to, rdx rows, rcx pieces, r8 bytes of a row, r9 the mask: each row is cut into pieces, which go to places as far apart
 * as the result's pieces are.
 */
function cutRows(code: Assembler, piece: { readonly floats: number; readonly pitch: number; readonly distance: number | 'rows' }): number {
  const start = code.begin();
  code.push('rbx', 'rbp', 'r12');
  code.setMask(leftMask, 'r9');
  code.move('rax', 'r9');
  code.shiftRight('rax', vectorFloats);
  code.setMask(rightMask, 'rax');
  code.move('rbx', typeof piece.distance === 'number' ? piece.distance : 'rdx');
  if (piece.distance === 'rows') timesPowerOfTwo(code, 'rbx', piece.pitch);
  // The lines of a later row come while this one is copied.
  code.addressOf('r12', { base: 'r8', index: 'r8' });
  code.add('r12', 'r12');
  code.add('r12', 'r12');
  const row = code.place();
  code.move('rax', 'rdi');
  code.move('r10', 'rsi');
  code.move('r11', 'rcx');
  code.addressOf('rbp', { base: 'rdi', index: 'r12' });
  const next = code.place();
  code.prefetch({ base: 'rbp' }, 'read');
  code.loadVector(0, { base: 'rax' }, leftMask);
  code.storeVector({ base: 'r10' }, 0);
  if (piece.floats > vectorFloats) {
    code.prefetch({ base: 'rbp', displacement: vectorBytes }, 'read');
    code.loadVector(1, { base: 'rax', displacement: vectorBytes }, rightMask);
    code.storeVector({ base: 'r10', displacement: vectorBytes }, 1);
  }
  code.add('rax', 4 * piece.floats);
  code.add('rbp', 4 * piece.floats);
  code.add('r10', 'rbx');
  code.subtract('r11', 1);
  code.jump(next, 'notEqual');
  code.add('rdi', 'r8');
  code.add('rsi', piece.pitch);
  code.subtract('rdx', 1);
  code.jump(row, 'notEqual');
  code.pop('r12', 'rbp', 'rbx');
  code.forgetVectors();
  code.return();
  return start;
}

/** rdi from, rsi to, rdx length, rcx bytes of a row, r8 bytes of a row of the result. */
function transpose(code: Assembler): number {
  const start = code.begin();
  const [rest, end] = [code.label(), code.label()];
  // The first of every four rows: rdi, r9, r10, r11. rax = three rows.
  code.addressOf('rax', { base: 'rcx', index: 'rcx', scale: 2 });
  code.addressOf('r9', { base: 'rdi', index: 'rcx', scale: 4 });
  code.addressOf('r10', { base: 'r9', index: 'rcx', scale: 4 });
  code.addressOf('r11', { base: 'r10', index: 'rcx', scale: 4 });
  const block = code.place();
  code.compare('rdx', vectorFloats);
  code.jump(rest, 'below');
  loadSquare(code, 0);
  transposeSquare(code);
  for (let column = 0; column < vectorFloats; column++) {
    code.storeVector({ base: 'rsi' }, column);
    code.add('rsi', 'r8');
  }
  for (const base of ['rdi', 'r9', 'r10', 'r11'] as const) code.add(base, vectorBytes);
  code.subtract('rdx', vectorFloats);
  code.jump(block);

  code.place(rest);
  code.compare('rdx', 0);
  code.jump(end, 'equal');
  code.push('rcx', 'rax');
  code.move('rcx', 'rdx');
  code.move('rax', 1);
  code.shiftLeftByRcx('rax');
  code.subtract('rax', 1);
  code.setMask(leftMask, 'rax');
  code.pop('rax', 'rcx');
  loadSquare(code, leftMask);
  transposeSquare(code);
  for (let column = 0; column < vectorFloats - 1; column++) {
    code.storeVector({ base: 'rsi' }, column);
    code.add('rsi', 'r8');
    code.subtract('rdx', 1);
    code.jump(end, 'equal');
  }
  code.place(end);
  code.forgetVectors();
  code.return();
  return start;
}

/** Sixteen floats of sixteen rows, into vectors 0 to 15. */
function loadSquare(code: Assembler, mask: number): void {
  for (const [group, base] of (['rdi', 'r9', 'r10', 'r11'] as const).entries()) {
    code.loadVector(4 * group, { base }, mask);
    code.loadVector(4 * group + 1, { base, index: 'rcx' }, mask);
    code.loadVector(4 * group + 2, { base, index: 'rcx', scale: 2 }, mask);
    code.loadVector(4 * group + 3, { base, index: 'rax' }, mask);
  }
}

/** Vectors 0 to 15 as rows become vectors 0 to 15 as columns. */
function transposeSquare(code: Assembler): void {
  const other = 16;
  for (let row = 0; row < 16; row += 2) {
    code.unpack('Low', other + row, row, row + 1);
    code.unpack('High', other + row + 1, row, row + 1);
  }
  // Then, in each quarter q of vector 4 g + j, rows 4 g to 4 g + 3 of column 4 q + j.
  for (let group = 0; group < 16; group += 4) {
    for (const half of [0, 1]) {
      code.unpack('LowPairs', group + 2 * half, other + group + half, other + group + 2 + half);
      code.unpack('HighPairs', group + 2 * half + 1, other + group + half, other + group + 2 + half);
    }
  }
  const [even, odd] = [0x88, 0xdd];
  for (let column = 0; column < 4; column++) {
    const [first, second, third, fourth] = [0, 4, 8, 12].map((quarter) => other + quarter + column) as [number, number, number, number];
    code.shuffleQuarters(first, column, 4 + column, even);
    code.shuffleQuarters(second, 8 + column, 12 + column, even);
    code.shuffleQuarters(third, column, 4 + column, odd);
    code.shuffleQuarters(fourth, 8 + column, 12 + column, odd);
    code.shuffleQuarters(column, first, second, even);
    code.shuffleQuarters(8 + column, first, second, odd);
    code.shuffleQuarters(4 + column, third, fourth, even);
    code.shuffleQuarters(12 + column, third, fourth, odd);
  }
}

/** rdi from, rsi to, rdx length, rcx bytes of a row of the result. */
function scatter(code: Assembler): number {
  const start = code.begin();
  const next = code.place();
  code.moveHalf('rax', { base: 'rdi' });
  code.storeHalf({ base: 'rsi' }, 'rax');
  code.add('rdi', 4);
  code.add('rsi', 'rcx');
  code.subtract('rdx', 1);
  code.jump(next, 'notEqual');
  code.return();
  return start;
}
