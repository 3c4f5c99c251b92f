import type { Address, Register } from './assembler.js';
import { cacheLine, type ProductSizes } from './product-sizes.js';
import { type Mask, type VectorAssembler, vectorSets } from './vector-assembler.js';

// How operands come to lie as products read them. Each function writes one function and gives the place where it begins; its
// comment says what the registers hold when it is called.

const leftMask = 1;
const rightMask = 2;
const beforeLastMask = 2;

/** rdi from, rsi to, rdx rows, rcx whole vectors, r8 and r9 bytes of their rows; on the stack the rest and its mask. */
export function copyRows(code: VectorAssembler, { vectorFloats }: ProductSizes): number {
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
  // The second row from here is fetched while this one is copied.
  code.prefetch({ base: 'rax', index: 'r8', scale: 2 }, 'read');
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

/** Pieces that are copied at once. */
const together = 4;

/**
 * rdi from, rsi to, rdx rows, rcx pieces, r8 bytes of a row, r9 the mask of a row's last piece. Each row is read once, from its begin to
 * its end. A piece is written in whole vectors, of which the next one covers what is too much; nothing behind the end of a row is read.
 */
export function cutRows(code: VectorAssembler, { vectorFloats }: ProductSizes, { floats, pitch, distance }: Pieces): number {
  const vectorBytes = 4 * vectorFloats;
  const isWide = floats > vectorFloats;
  const [lastMasks, masks] = isWide ? [[leftMask, rightMask] as const, []] : ([[leftMask], [beforeLastMask]] as const);
  const start = code.begin();
  code.push('rbx', 'r12', 'r13');
  code.setMask(leftMask, { base: 'r9' });
  if (isWide) code.setMask(rightMask, { base: 'r9', displacement: vectorBytes });
  // A vector is longer than a piece: what a row has left at the piece before its last may be less.
  else code.setMask(beforeLastMask, { base: 'r9', displacement: -4 * floats });
  code.move('rbx', distance === 'rows' ? 'rdx' : distance);
  if (distance === 'rows') code.shiftLeft('rbx', Math.log2(pitch));
  code.addressOf('r13', { base: 'rbx', index: 'rbx', scale: 2 });
  const places = [
    { base: 'r10' },
    { base: 'r10', index: 'rbx' },
    { base: 'r10', index: 'rbx', scale: 2 },
    { base: 'r10', index: 'r13' },
  ] as const;
  // The fourth row from here is fetched while this one is copied.
  code.move('r12', 'r8');
  code.shiftLeft('r12', 2);
  const copy = (pieces: number, masks: readonly Mask[]) => {
    for (let at = 0; at < 4 * floats * pieces; at += cacheLine) code.prefetch({ base: 'rax', index: 'r12', displacement: at }, 'read');
    for (const [piece, to] of places.slice(0, pieces).entries()) {
      for (let half = 0; half < (isWide ? 2 : 1); half++) {
        const vector = 2 * piece + half;
        code.loadVector(vector, { base: 'rax', displacement: 4 * floats * piece + half * vectorBytes }, masks[half]);
        code.storeVector({ ...to, displacement: half * vectorBytes }, vector);
      }
    }
  };
  const row = code.place();
  code.move('rax', 'rdi');
  code.move('r10', 'rsi');
  code.move('r11', 'rcx');
  const [fewer, last] = [code.label(), code.label()];
  const several = code.place();
  code.compare('r11', together + 1);
  code.jump(fewer, 'notAbove');
  copy(together, []);
  code.add('rax', 4 * floats * together);
  code.addressOf('r10', { base: 'r10', index: 'rbx', scale: 4 });
  code.subtract('r11', together);
  code.jump(several);
  code.place(fewer);
  code.subtract('r11', 1);
  code.jump(last, 'equal');
  copy(1, masks);
  code.add('rax', 4 * floats);
  code.add('r10', 'rbx');
  code.jump(fewer);
  code.place(last);
  copy(1, lastMasks);
  code.add('rdi', 'r8');
  code.add('rsi', pitch);
  code.subtract('rdx', 1);
  code.jump(row, 'notEqual');
  code.pop('r13', 'r12', 'rbx');
  code.forgetVectors();
  code.return();
  return start;
}

/** The first of every four rows that are transposed together. */
const rowGroups = ['rdi', 'r10', 'r11', 'rbx'] as const satisfies Register[];
const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];

/**
 * Rows become columns of panels: rdi from, rsi to, rdx length, rcx bytes of a row, r8 rows, r9 the mask of the last square of a row.
 * Throughout r12 where the next rows begin, r13 where their columns do, r14 length, r15 rows left, rbp the way to the next columns.
 */
export function transpose(code: VectorAssembler, { vectorFloats, panelColumns }: ProductSizes): number {
  const vectorBytes = 4 * vectorFloats;
  const panelPitch = 4 * panelColumns;
  const start = code.begin();
  const [rest, end] = [code.label(), code.label()];
  code.push(...saved);
  code.move('r12', 'rdi');
  code.move('r13', 'rsi');
  code.move('r14', 'rdx');
  code.move('r15', 'r8');
  code.move('r8', 'rdx');
  code.shiftLeft('r8', Math.log2(panelPitch));
  code.move('rbp', vectorBytes);
  // rax = three rows.
  code.addressOf('rax', { base: 'rcx', index: 'rcx', scale: 2 });

  const rows = code.place();
  code.compare('r15', vectorFloats);
  code.jump(rest, 'below');
  transposeRows(code, vectorFloats, panelPitch, loadSquare);
  // The columns of two groups of rows lie side by side in a panel; those of the next two in the next one.
  for (let row = 0; row < vectorFloats; row++) code.add('r12', 'rcx');
  code.add('r13', 'rbp');
  code.move('rdx', 'r8');
  code.subtract('rdx', 'rbp');
  code.move('rbp', 'rdx');
  code.subtract('r15', vectorFloats);
  code.jump(rows);

  // Fewer rows than a vector has floats: what stands beside them in the panel is no row's.
  code.place(rest);
  code.compare('r15', 0);
  code.jump(end, 'equal');
  transposeRows(code, vectorFloats, panelPitch, loadLastRows);
  code.place(end);
  code.pop(...[...saved].reverse());
  code.forgetVectors();
  code.return();
  return start;
}

/** As many rows as a vector has floats, or fewer, from r12 on, become columns from r13 on. */
function transposeRows(code: VectorAssembler, vectorFloats: number, panelPitch: number, load: typeof loadSquare): void {
  const [rest, end] = [code.label(), code.label()];
  code.move('rsi', 'r13');
  code.move('rdx', 'r14');
  code.move('rdi', 'r12');
  code.addressOf('r10', { base: 'rdi', index: 'rcx', scale: 4 });
  code.addressOf('r11', { base: 'r10', index: 'rcx', scale: 4 });
  code.addressOf('rbx', { base: 'r11', index: 'rcx', scale: 4 });
  const square = code.place();
  code.compare('rdx', vectorFloats);
  code.jump(rest, 'below');
  load(code, vectorFloats);
  transposeSquare(code);
  for (let column = 0; column < vectorFloats; column++) code.storeVector({ base: 'rsi', displacement: column * panelPitch }, column);
  code.add('rsi', vectorFloats * panelPitch);
  for (const base of rowGroups) code.add(base, 4 * vectorFloats);
  code.subtract('rdx', vectorFloats);
  code.jump(square);

  code.place(rest);
  code.compare('rdx', 0);
  code.jump(end, 'equal');
  code.setMask(leftMask, { base: 'r9' });
  load(code, vectorFloats, leftMask);
  transposeSquare(code);
  for (let column = 0; column < vectorFloats - 1; column++) {
    code.storeVector({ base: 'rsi', displacement: column * panelPitch }, column);
    code.subtract('rdx', 1);
    code.jump(end, 'equal');
  }
  code.place(end);
}

/** A vector of each row, into the first vectors. */
function loadSquare(code: VectorAssembler, rows: number, mask?: Mask): void {
  for (let row = 0; row < rows; row++) code.loadVector(row, placeOfRow(row), mask);
}

/** The same of the r15 rows that are left, fewer than `rows`. */
function loadLastRows(code: VectorAssembler, rows: number, mask?: Mask): void {
  const entries = Array.from({ length: rows - 1 }, () => code.label());
  for (const [row, entry] of entries.entries()) {
    code.compare('r15', row + 1);
    code.jump(entry, 'equal');
  }
  for (const [row, entry] of [...entries.entries()].reverse()) {
    code.place(entry);
    code.loadVector(row, placeOfRow(row), mask);
  }
}

function placeOfRow(row: number): Address {
  const base = rowGroups[Math.floor(row / 4)] ?? 'rdi';
  const places = [{ base }, { base, index: 'rcx' }, { base, index: 'rcx', scale: 2 }, { base, index: 'rax' }] as const;
  return places[row % 4] ?? { base };
}

/** The first vectors as rows become the first vectors as columns; overwrites the other half of the registers. */
function transposeSquare(code: VectorAssembler): void {
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
