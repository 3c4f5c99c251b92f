import { type Address, Assembler, type Mask, type Register, type VectorSet, vectorSets } from './assembler.js';

/** How operands are copied before they are multiplied. */
export interface ProductSizes {
  /** Of C, what is summed in registers at once: all of these but two vectors of B and two values of A. */
  readonly tileRows: number;
  readonly panelColumns: number;
  readonly vectorFloats: number;
  /** The longest sum before C is read and written again. */
  readonly blockLength: number;
  /** Bytes from one row of A to the next in a tile of rows: no power of two, or these would compete for a few sets of the cache. */
  readonly rowPitch: number;
  /** Bytes from one column of A to the next in a tile of columns: each is written as a vector, whose end the next one covers. */
  readonly columnPitch: number;
  /** Room for a tile of either kind. */
  readonly tileBytes: number;
}

export function productSizes(vectors: VectorSet): ProductSizes {
  const { floats, registers } = vectorSets[vectors];
  const tileRows = (registers - 4) / 2;
  const blockLength = 512;
  const rowPitch = 4 * (blockLength + 16);
  return {
    tileRows,
    panelColumns: 2 * floats,
    vectorFloats: floats,
    blockLength,
    rowPitch,
    columnPitch: 4 * tileRows,
    tileBytes: tileRows * rowPitch,
  };
}

/**
 * What is written, and how many arguments each takes: addresses and counts, as the C interface of x86-64 passes them (System V). A
 * mask is an address of integers, one for each float of a panel, -1 where it counts and 0 where it does not.
 */
export const productFunctions = {
  /** C [+]= A B, tiles of rows: (a, b, c, rows, panels, length, rowBytesC, fullMask, lastMask, accumulate). */
  multiplyRows: 10,
  /** The same for tiles of columns. */
  multiplyColumns: 10,
  /** Copies rows of floats: (from, to, rows, wholeVectors, rowBytesFrom, rowBytesTo, rest, mask), the rest with zeros after it. */
  copyRows: 8,
  /** Cuts rows into tiles: (from, to, rows, tiles, rowBytesFrom, mask): as many floats of each row go into each tile as it has rows. */
  copyTiles: 6,
  /** Cuts rows into panels: (from, to, rows, panels, rowBytesFrom, mask). */
  copyPanels: 6,
  /** As many rows as a vector has floats become columns: (from, to, length, rowBytesFrom, rowBytesTo, mask of the last length). */
  transpose: 6,
  /** One row becomes a column: (from, to, length, rowBytesTo). */
  scatter: 4,
} as const;
export type ProductFunction = keyof typeof productFunctions;

export interface ProductCode {
  readonly code: Uint8Array;
  /** Where each function begins. */
  readonly functions: Readonly<Record<ProductFunction, number>>;
}

/**
 * Writes the functions that products are made of, after Goto & van de Geijn, Anatomy of High-Performance Matrix
 * Multiplication (2008): B is copied into panels of few columns, A into tiles of few rows, both as long as a sum, and each tile of C is
 * summed in registers.
 */
export function productCode(vectors: VectorSet): ProductCode {
  const code = new Assembler(vectors);
  const sizes = productSizes(vectors);
  const { tileRows, panelColumns, rowPitch, columnPitch, tileBytes } = sizes;
  const functions = {
    multiplyRows: multiply(code, sizes, { perRow: rowPitch, perTerm: 4 }),
    multiplyColumns: multiply(code, sizes, { perRow: 4, perTerm: columnPitch }),
    copyRows: copyRows(code, sizes),
    copyTiles: cutRows(code, sizes, { floats: tileRows, pitch: columnPitch, distance: tileBytes }),
    copyPanels: cutRows(code, sizes, { floats: panelColumns, pitch: 4 * panelColumns, distance: 'rows' }),
    transpose: transpose(code, sizes),
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
const leftMask = 1;
const rightMask = 2;

/**
 * Throughout: rdi tiles of A, rsi the panel of B, rdx its columns of C, rcx rows, r8 panels left, r9 length of the sums, r10 bytes
 * of a row of C; within a panel r11 rows left, r12 the tile of A, r13 the tile of C, r15 what to fetch and rbp how far it goes a
 * term.
 */
function multiply(code: Assembler, sizes: ProductSizes, layout: TileLayout): number {
  const { tileRows, tileBytes, panelColumns } = sizes;
  const panelPitch = 4 * panelColumns;
  const start = code.begin();
  code.push(...saved);
  // Two locals; then the saved registers, the caller's address, the arguments on the stack.
  const locals = 2;
  code.subtract('rsp', 8 * locals);
  const argument = (position: number): Address => ({ base: 'rsp', displacement: 8 * (locals + saved.length + 1 + position) });
  const frame: Frame = { fetchEnd: { base: 'rsp' }, mask: { base: 'rsp', displacement: 8 }, accumulate: argument(3) };
  code.move('r10', argument(0));

  const panel = code.place();
  const [masked, end] = [code.label(), code.label()];
  code.move('rax', argument(2));
  code.compare('r8', 1);
  code.jump(masked, 'equal');
  code.move('rax', argument(1));
  code.place(masked);
  code.store(frame.mask, 'rax');
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
  code.move('rbp', cacheLine);

  const rest = code.label();
  const tile = code.place();
  code.compare('r11', tileRows);
  code.jump(rest, 'below');
  sumTile(code, tileRows, sizes, layout, frame);
  code.add('r12', tileBytes);
  code.subtract('r11', tileRows);
  code.jump(tile);

  code.place(rest);
  const nextPanel = code.label();
  for (let rows = tileRows - 1; rows > 0; rows--) {
    const other = code.label();
    code.compare('r11', rows);
    code.jump(other, 'notEqual');
    sumTile(code, rows, sizes, layout, frame);
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
  code.add('rsp', 8 * locals);
  code.pop(...restored);
  code.forgetVectors();
  code.return();
  return start;
}

/** What lies on the stack while tiles are summed. */
interface Frame {
  readonly fetchEnd: Address;
  readonly mask: Address;
  readonly accumulate: Address;
}

const cacheLine = 64;

/** One tile of C; leaves r13 at the next one. */
function sumTile(code: Assembler, rows: number, sizes: ProductSizes, { perRow, perTerm }: TileLayout, frame: Frame): void {
  const { tileRows, vectorFloats } = sizes;
  const vectorBytes = 4 * vectorFloats;
  const [left, right, value] = [2 * tileRows, 2 * tileRows + 1, 2 * tileRows + 2];
  // C is written when the sum is done; its lines come meanwhile.
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < 2 * vectorBytes; at += cacheLine) code.prefetch({ base: 'rax', displacement: at }, 'write');
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
    code.broadcast(value + (row % 2), { base: 'rax', displacement: row * perRow });
    code.multiplyAdd(2 * row, value + (row % 2), left);
    code.multiplyAdd(2 * row + 1, value + (row % 2), right);
  }
  code.add('rax', perTerm);
  code.add('rbx', 2 * vectorBytes);
  code.add('r15', 'rbp');
  code.subtract('r14', 1);
  code.jump(term, 'notEqual');

  const write = code.label();
  code.move('rax', frame.mask);
  code.setMask(leftMask, { base: 'rax' });
  code.setMask(rightMask, { base: 'rax', displacement: vectorBytes });
  code.move('rax', frame.accumulate);
  code.compare('rax', 0);
  code.jump(write, 'equal');
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    code.loadVector(left, { base: 'rax' }, leftMask);
    code.loadVector(right, { base: 'rax', displacement: vectorBytes }, rightMask);
    code.addVector(2 * row, 2 * row, left);
    code.addVector(2 * row + 1, 2 * row + 1, right);
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

/** rdi from, rsi to, rdx rows, rcx whole vectors, r8 and r9 bytes of their rows; on the stack the rest and its mask. */
function copyRows(code: Assembler, { vectorFloats }: ProductSizes): number {
  const vectorBytes = 4 * vectorFloats;
  const start = code.begin();
  const argument = (position: number): Address => ({ base: 'rsp', displacement: 8 * (1 + position) });
  const [rest, next] = [code.label(), code.label()];
  code.move('rax', argument(1));
  code.setMask(leftMask, { base: 'rax' });
  const row = code.place();
  code.move('rax', 'rdi');
  code.move('r10', 'rsi');
  code.move('r11', 'rcx');
  code.compare('r11', 0);
  code.jump(rest, 'equal');
  const whole = code.place();
  code.loadVector(0, { base: 'rax' });
  code.storeVector({ base: 'r10' }, 0);
  code.add('rax', vectorBytes);
  code.add('r10', vectorBytes);
  code.subtract('r11', 1);
  code.jump(whole, 'notEqual');
  code.place(rest);
  code.move('r11', argument(0));
  code.compare('r11', 0);
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

/** What a row is cut into: pieces of so many floats, which go to places so far apart; the next row's `pitch` bytes further. */
interface Pieces {
  readonly floats: number;
  readonly pitch: number;
  /** Bytes, or as many pitches as there are rows. */
  readonly distance: number | 'rows';
}

/** rdi from, rsi to, rdx rows, rcx pieces, r8 bytes of a row, r9 the mask. */
function cutRows(code: Assembler, { vectorFloats }: ProductSizes, { floats, pitch, distance }: Pieces): number {
  const vectorBytes = 4 * vectorFloats;
  const start = code.begin();
  code.push('rbx', 'rbp', 'r12');
  code.setMask(leftMask, { base: 'r9' });
  if (floats > vectorFloats) code.setMask(rightMask, { base: 'r9', displacement: vectorBytes });
  code.move('rbx', distance === 'rows' ? 'rdx' : distance);
  if (distance === 'rows') timesPowerOfTwo(code, 'rbx', pitch);
  // The fourth row from here is fetched while this one is copied.
  code.move('r12', 'r8');
  timesPowerOfTwo(code, 'r12', 4);
  const row = code.place();
  code.move('rax', 'rdi');
  code.move('r10', 'rsi');
  code.move('r11', 'rcx');
  code.addressOf('rbp', { base: 'rdi', index: 'r12' });
  const piece = code.place();
  code.prefetch({ base: 'rbp' }, 'read');
  code.loadVector(0, { base: 'rax' }, leftMask);
  code.storeVector({ base: 'r10' }, 0);
  if (floats > vectorFloats) {
    code.loadVector(1, { base: 'rax', displacement: vectorBytes }, rightMask);
    code.storeVector({ base: 'r10', displacement: vectorBytes }, 1);
  }
  code.add('rax', 4 * floats);
  code.add('rbp', 4 * floats);
  code.add('r10', 'rbx');
  code.subtract('r11', 1);
  code.jump(piece, 'notEqual');
  code.add('rdi', 'r8');
  code.add('rsi', pitch);
  code.subtract('rdx', 1);
  code.jump(row, 'notEqual');
  code.pop('r12', 'rbp', 'rbx');
  code.forgetVectors();
  code.return();
  return start;
}

/** The first of every four rows that are transposed together. */
const rowGroups = ['rdi', 'r10', 'r11', 'rbx'] as const satisfies Register[];

/** rdi from, rsi to, rdx length, rcx bytes of a row, r8 bytes of a row of the result, r9 the mask of the last square. */
function transpose(code: Assembler, { vectorFloats }: ProductSizes): number {
  const start = code.begin();
  const [rest, end] = [code.label(), code.label()];
  code.push('rbx');
  // rax = three rows.
  code.addressOf('rax', { base: 'rcx', index: 'rcx', scale: 2 });
  code.addressOf('r10', { base: 'rdi', index: 'rcx', scale: 4 });
  code.addressOf('r11', { base: 'r10', index: 'rcx', scale: 4 });
  code.addressOf('rbx', { base: 'r11', index: 'rcx', scale: 4 });
  const square = code.place();
  code.compare('rdx', vectorFloats);
  code.jump(rest, 'below');
  loadSquare(code, vectorFloats);
  transposeSquare(code);
  for (let column = 0; column < vectorFloats; column++) {
    code.storeVector({ base: 'rsi' }, column);
    code.add('rsi', 'r8');
  }
  for (const base of rowGroups) code.add(base, 4 * vectorFloats);
  code.subtract('rdx', vectorFloats);
  code.jump(square);

  code.place(rest);
  code.compare('rdx', 0);
  code.jump(end, 'equal');
  code.setMask(leftMask, { base: 'r9' });
  loadSquare(code, vectorFloats, leftMask);
  transposeSquare(code);
  for (let column = 0; column < vectorFloats - 1; column++) {
    code.storeVector({ base: 'rsi' }, column);
    code.add('rsi', 'r8');
    code.subtract('rdx', 1);
    code.jump(end, 'equal');
  }
  code.place(end);
  code.pop('rbx');
  code.forgetVectors();
  code.return();
  return start;
}

/** A vector of each row, into the first vectors. */
function loadSquare(code: Assembler, rows: number, mask?: Mask): void {
  for (const [group, base] of rowGroups.slice(0, rows / 4).entries()) {
    code.loadVector(4 * group, { base }, mask);
    code.loadVector(4 * group + 1, { base, index: 'rcx' }, mask);
    code.loadVector(4 * group + 2, { base, index: 'rcx', scale: 2 }, mask);
    code.loadVector(4 * group + 3, { base, index: 'rax' }, mask);
  }
}

/** The first vectors as rows become the first vectors as columns; overwrites the other half of the registers. */
function transposeSquare(code: Assembler): void {
  const { floats, registers } = vectorSets[code.vectors];
  const other = registers / 2;
  for (let row = 0; row < floats; row += 2) {
    code.unpack('Low', other + row, row, row + 1);
    code.unpack('High', other + row + 1, row, row + 1);
  }
  // Then the fourth part q of vector 4 g + j has rows 4 g to 4 g + 3 of column 4 q + j: four floats, which is half a vector of AVX2.
  for (let group = 0; group < floats; group += 4) {
    for (const half of [0, 1]) {
      code.unpack('LowPairs', group + 2 * half, other + group + half, other + group + 2 + half);
      code.unpack('HighPairs', group + 2 * half + 1, other + group + half, other + group + 2 + half);
    }
  }
  for (let column = 0; column < 4; column++) {
    if (code.vectors === 'avx2') {
      const kept = other + column;
      code.permuteHalves(kept, column, 4 + column, 0x20);
      code.permuteHalves(4 + column, column, 4 + column, 0x31);
      code.moveVector(column, kept);
      continue;
    }
    const [even, odd] = [0x88, 0xdd];
    const [first, second, third, fourth] = [other + column, other + 4 + column, other + 8 + column, other + 12 + column] as const;
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
