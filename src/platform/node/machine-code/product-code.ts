import { type Address, Assembler, type Mask, type Register, type VectorSet, vectorSets } from './assembler.js';

/** How operands are copied before they are multiplied. */
export interface ProductSizes {
  /** Of C, what is summed in registers at once: all of these but two vectors of B and two values of A. */
  readonly tileRows: number;
  readonly panelColumns: number;
  readonly vectorFloats: number;
  /** The longest sum before C is read and written again. */
  readonly blockLength: number;
  /** Bytes from one row of A to the next where it is copied: no power of two, or rows would compete for a few sets of the cache. */
  readonly rowPitch: number;
  /** Bytes from one column to the next where tiles of columns are copied: each is written as a vector, whose end the next one covers. */
  readonly columnPitch: number;
  /** Bytes from one such tile to the next. */
  readonly tilePitch: number;
}

export function productSizes(vectors: VectorSet): ProductSizes {
  const { floats, registers } = vectorSets[vectors];
  const tileRows = (registers - 4) / 2;
  const blockLength = 512;
  const columnPitch = 4 * tileRows;
  return {
    tileRows,
    panelColumns: 2 * floats,
    vectorFloats: floats,
    blockLength,
    rowPitch: 4 * (blockLength + 16),
    columnPitch,
    tilePitch: columnPitch * blockLength + 64,
  };
}

/**
 * What is written, and how many arguments each takes: addresses and counts, as the C interface of x86-64 passes them (System V). A
 * mask is an address of integers, one for each float of a panel, -1 where it counts and 0 where it does not.
 */
export const productFunctions = {
  /** C [+]= A B with rows of A where they are: (a, b, c, rows, panels, length, rowBytesC, fullMask, lastMask, accumulate, rowBytesA). */
  multiplyRows: 11,
  /** The same with rows of A that were copied, `rowPitch` apart; rowBytesA is not read. */
  multiplyCopiedRows: 11,
  /** C [+]= Aᵀ B with columns of A that were copied into tiles; rowBytesA is not read. */
  multiplyCopiedColumns: 11,
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
 * Multiplication (2008): B is copied into panels of few columns, as long as a sum, A is read where it is unless its rows would compete for
 * the same places of the cache, and each tile of C is summed in registers.
 */
export function productCode(vectors: VectorSet): ProductCode {
  const code = new Assembler(vectors);
  const sizes = productSizes(vectors);
  const { tileRows, panelColumns, columnPitch, tilePitch } = sizes;
  const functions = {
    multiplyRows: multiply(code, sizes, 'rows'),
    multiplyCopiedRows: multiply(code, sizes, 'copiedRows'),
    multiplyCopiedColumns: multiply(code, sizes, 'copiedColumns'),
    copyRows: copyRows(code, sizes),
    copyTiles: cutRows(code, sizes, { floats: tileRows, pitch: columnPitch, distance: tilePitch }),
    copyPanels: cutRows(code, sizes, { floats: panelColumns, pitch: 4 * panelColumns, distance: 'rows' }),
    transpose: transpose(code, sizes),
    scatter: scatter(code),
  };
  return { code: code.code, functions };
}

/** How A lies in memory. */
type LayoutOfA = 'rows' | 'copiedRows' | 'copiedColumns';

const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];
const restored = [...saved].reverse();
const leftMask = 1;
const rightMask = 2;

/**
 * Throughout: rdi A, rsi the panel of B, rdx its columns of C, rcx rows, r8 panels left, r9 length of the sums, r10 bytes
 * of a row of C; within a panel r11 rows left, r12 the tile of A, r13 the tile of C, r15 what to fetch and rbp how far it goes a
 * term.
 */
function multiply(code: Assembler, sizes: ProductSizes, layout: LayoutOfA): number {
  const { tileRows, panelColumns, rowPitch, tilePitch } = sizes;
  const panelPitch = 4 * panelColumns;
  const start = code.begin();
  code.push(...saved);
  // Two locals; then the saved registers, the caller's address, the arguments on the stack.
  const locals = 2;
  code.subtract('rsp', 8 * locals);
  const argument = (position: number): Address => ({ base: 'rsp', displacement: 8 * (locals + saved.length + 1 + position) });
  const frame: Frame = {
    fetchEnd: { base: 'rsp' },
    mask: { base: 'rsp', displacement: 8 },
    accumulate: argument(3),
    rowBytesA: argument(4),
  };
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
  if (layout === 'copiedColumns') code.add('r12', tilePitch);
  else if (layout === 'copiedRows') code.add('r12', tileRows * rowPitch);
  else for (let row = 0; row < tileRows; row++) code.add('r12', frame.rowBytesA);
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
  readonly rowBytesA: Address;
}

const cacheLine = 64;

/** One tile of C; leaves r13 at the next one. */
function sumTile(code: Assembler, rows: number, sizes: ProductSizes, layout: LayoutOfA, frame: Frame): void {
  const { tileRows, vectorFloats } = sizes;
  const vectorBytes = 4 * vectorFloats;
  const [left, right, value] = [2 * tileRows, 2 * tileRows + 1, 2 * tileRows + 2];
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
  const a = startReadingA(code, rows, sizes, layout, frame);
  const addTerm = () => {
    code.loadVector(left, { base: 'rbx' });
    code.loadVector(right, { base: 'rbx', displacement: vectorBytes });
    for (let row = 0; row < rows; row++) {
      code.broadcast(value + (row % 2), a.valueOf(row));
      code.multiplyAdd(2 * row, value + (row % 2), left);
      code.multiplyAdd(2 * row + 1, value + (row % 2), right);
    }
    a.advance();
    code.add('rbx', 2 * vectorBytes);
  };
  // C is written when the sum is done. Its lines are fetched meanwhile, one a term: all at once, they would be waited for.
  const linesOfRow = (2 * vectorBytes) / cacheLine;
  const terms = code.label();
  code.compare('r14', linesOfRow * rows);
  code.jump(terms, 'notAbove');
  code.subtract('r14', linesOfRow * rows);
  code.push('r14', 'r15');
  code.move('r14', rows);
  code.move('r15', 'r13');
  const rowOfC = code.place();
  for (let line = 0; line < linesOfRow; line++) {
    code.prefetch({ base: 'r15', displacement: line * cacheLine }, 'write');
    addTerm();
  }
  code.add('r15', 'r10');
  code.subtract('r14', 1);
  code.jump(rowOfC, 'notEqual');
  code.pop('r15', 'r14');

  code.place(terms);
  const term = code.place();
  code.prefetch({ base: 'r15' }, 'read');
  addTerm();
  code.add('r15', 'rbp');
  code.subtract('r14', 1);
  code.jump(term, 'notEqual');
  a.stop();

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

/** How the values of A in a term are reached, from rax at the first one on. */
interface ReadingA {
  valueOf(row: number): Address;
  /** To the next term. */
  advance(): void;
  /** Gives back the registers that were taken. */
  stop(): void;
}

function startReadingA(
  code: Assembler,
  rows: number,
  { rowPitch, columnPitch }: ProductSizes,
  layout: LayoutOfA,
  { rowBytesA }: Frame,
): ReadingA {
  switch (layout) {
    case 'copiedRows':
      return { valueOf: (row) => ({ base: 'rax', displacement: row * rowPitch }), advance: () => code.add('rax', 4), stop: () => {} };
    case 'copiedColumns':
      return { valueOf: (row) => ({ base: 'rax', displacement: 4 * row }), advance: () => code.add('rax', columnPitch), stop: () => {} };
    case 'rows': {
      // Of three rows each, a register holds the first; the others are one and two times rdi further.
      const taken = (['rdx', 'rcx', 'r8', 'r11'] as const).slice(0, Math.ceil(rows / 3) - 1);
      const bases: readonly Register[] = ['rax', ...taken];
      code.push('rdi', ...taken);
      code.move('rdi', onStack(rowBytesA, 1 + taken.length));
      for (const [group, base] of taken.entries()) {
        code.addressOf(base, { base: bases[group] ?? 'rax', index: 'rdi', scale: 2 });
        code.add(base, 'rdi');
      }
      return {
        valueOf(row) {
          const base = bases[Math.floor(row / 3)] ?? 'rax';
          if (row % 3 === 0) return { base };
          return { base, index: 'rdi', scale: row % 3 === 1 ? 1 : 2 };
        },
        advance() {
          for (const base of bases) code.add(base, 4);
        },
        stop: () => code.pop(...[...taken].reverse(), 'rdi'),
      };
    }
  }
}

/** The same place on the stack after so many more values were pushed. */
function onStack({ base, displacement = 0 }: Address, pushed: number): Address {
  return { base, displacement: displacement + 8 * pushed };
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

/** rdi from, rsi to, rdx rows, rcx pieces, r8 bytes of a row, r9 the mask. Each row is read once, from its begin to its end. */
function cutRows(code: Assembler, { vectorFloats }: ProductSizes, { floats, pitch, distance }: Pieces): number {
  const vectorBytes = 4 * vectorFloats;
  const isWide = floats > vectorFloats;
  const start = code.begin();
  code.push('rbx', 'rbp', 'r12');
  code.setMask(leftMask, { base: 'r9' });
  if (isWide) code.setMask(rightMask, { base: 'r9', displacement: vectorBytes });
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
  for (let at = 0; at < 4 * floats; at += cacheLine) code.prefetch({ base: 'rbp', displacement: at }, 'read');
  code.loadVector(0, { base: 'rax' }, leftMask);
  if (isWide) code.loadVector(1, { base: 'rax', displacement: vectorBytes }, rightMask);
  code.storeVector({ base: 'r10' }, 0);
  if (isWide) code.storeVector({ base: 'r10', displacement: vectorBytes }, 1);
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
