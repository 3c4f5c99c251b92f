import type { Address, Register } from './assembler.js';
import { copyRows, cutRows, transpose } from './copying-code.js';
import { cacheLine, type ProductSizes, productSizes } from './product-sizes.js';
import { smallProducts } from './small-product-code.js';
import { VectorAssembler, type VectorSet } from './vector-assembler.js';

/**
 * What is written, and how many arguments each takes: addresses and counts, as the C interface of x86-64 passes them (System V). A
 * mask is an address of integers, one for each float of a panel, -1 where it counts and 0 where it does not; instead of the last
 * panel's mask, 0 when it is whole.
 */
export const productFunctions = {
  /**
   * C [+]= A B with rows of A where they are: (a, b, c, rows, panels, length, rowBytesC, lastMask, accumulate, rowBytesA), then what to
   * fetch meanwhile, the members of `Fetch` in order.
   */
  multiplyRows: 14,
  /** The same with rows of A that were copied, `rowPitch` apart; rowBytesA is not read. */
  multiplyCopiedRows: 14,
  /** C [+]= Aᵀ B with columns of A where they are, rowBytesA from one value to the next. */
  multiplyColumns: 14,
  /** The same with columns of A that were copied into tiles; rowBytesA is not read. */
  multiplyCopiedColumns: 14,
  /** Copies rows of floats: (from, to, rows, wholeVectors, rowBytesFrom, rowBytesTo, rest, mask), the rest with zeros after it. */
  copyRows: 8,
  /** Cuts rows into tiles: (from, to, rows, tiles, rowBytesFrom, mask): as many floats of each row go into each tile as it has rows. */
  copyTiles: 6,
  /** Cuts rows into panels: (from, to, rows, panels, rowBytesFrom, mask). */
  copyPanels: 6,
  /** Rows become columns of panels: (from, to, length, rowBytesFrom, rows, mask of the last length). */
  transpose: 6,
  /** Small products where they are: (base of the memory, list, products). */
  smallProducts: 3,
} as const;
/**
 * What tiles fetch into the cache while they are summed, besides the next panel of B: a line every `termsTogether` terms, each `step` bytes
 * after the one before, and a tile's first one `nextTile` bytes after that of the tile before, for so many tiles.
 */
export interface Fetch {
  readonly from: number;
  readonly step: number;
  readonly nextTile: number;
  readonly tiles: number;
}
/** Terms that follow one another without a jump. */
export const termsTogether = 4;

export type ProductFunction = keyof typeof productFunctions;

export interface ProductCode {
  readonly code: Uint8Array;
  /** Where each function begins. */
  readonly functions: Readonly<Record<ProductFunction, number>>;
}

/**
 * Writes the functions that products are made of, after Goto & van de Geijn, Anatomy of High-Performance Matrix
 * Multiplication (2008): B is copied into panels of few columns, as long as a sum, A is read where it is unless its rows would compete for
 * the same places of the cache, and each tile of C is summed in registers. Columns of A are copied into tiles, or read where they are,
 * whichever is faster.
 */
export function productCode(vectors: VectorSet): ProductCode {
  const code = new VectorAssembler(vectors);
  const sizes = productSizes(vectors);
  const { tileRows, panelColumns, columnPitch, tilePitch } = sizes;
  const functions = {
    multiplyRows: multiply(code, sizes, 'rows'),
    multiplyCopiedRows: multiply(code, sizes, 'copiedRows'),
    multiplyColumns: multiply(code, sizes, 'columns'),
    multiplyCopiedColumns: multiply(code, sizes, 'copiedColumns'),
    copyRows: copyRows(code, sizes),
    copyTiles: cutRows(code, sizes, { floats: tileRows, pitch: columnPitch, distance: tilePitch }),
    copyPanels: cutRows(code, sizes, { floats: panelColumns, pitch: 4 * panelColumns, distance: 'rows' }),
    transpose: transpose(code, sizes),
    smallProducts: smallProducts(code, sizes),
  };
  return { code: code.code, functions };
}

/** How A lies in memory. */
type LayoutOfA = 'rows' | 'copiedRows' | 'columns' | 'copiedColumns';

const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];
const restored = [...saved].reverse();
const leftMask = 1;
const rightMask = 2;

/**
 * Throughout: rdi A, rsi the panel of B, rdx its columns of C, rcx rows, r8 panels left, r9 length of the sums, r10 bytes
 * of a row of C; within a panel r11 rows left, r12 the tile of A, r13 the tile of C, r15 what to fetch and rbp how far it goes a
 * term.
 */
function multiply(code: VectorAssembler, sizes: ProductSizes, layout: LayoutOfA): number {
  const { tileRows, panelColumns, rowPitch, tilePitch } = sizes;
  const panelPitch = 4 * panelColumns;
  const start = code.begin();
  code.push(...saved);
  // Two locals; then the saved registers, the caller's address, the arguments on the stack.
  const locals = 2;
  code.subtract('rsp', 8 * locals);
  const argument = (position: number): Address => ({ base: 'rsp', displacement: 8 * (locals + saved.length + 1 + position) });
  const frame: Frame = {
    mask: { base: 'rsp' },
    panelEnd: { base: 'rsp', displacement: 8 },
    accumulate: argument(2),
    rowBytesA: argument(3),
    fetch: { from: argument(4), step: argument(5), nextTile: argument(6), tiles: argument(7) },
  };
  code.move('r10', argument(0));

  const panel = code.place();
  const [last, end] = [code.label(), code.label()];
  code.move('rax', argument(1));
  code.compare('r8', 1);
  code.jump(last, 'equal');
  code.move('rax', 0);
  code.place(last);
  code.store(frame.mask, 'rax');
  code.move('r11', 'rcx');
  code.move('r12', 'rdi');
  code.move('r13', 'rdx');
  // The first tiles of a panel fetch the next one, which follows this one and may lie far.
  code.move('r15', 'r9');
  code.shiftLeft('r15', Math.log2(panelPitch));
  code.move('rax', 'r15');
  code.add('r15', 'rsi');
  code.add('rax', 'r15');
  code.store(frame.panelEnd, 'rax');
  code.move('rbp', cacheLine);

  const rest = code.label();
  const tile = code.place();
  code.compare('r11', tileRows);
  code.jump(rest, 'below');
  sumTile(code, tileRows, sizes, layout, frame);
  if (layout === 'columns') code.add('r12', 4 * tileRows);
  else if (layout === 'copiedColumns') code.add('r12', tilePitch);
  else if (layout === 'copiedRows') code.add('r12', tileRows * rowPitch);
  else for (let row = 0; row < tileRows; row++) code.add('r12', frame.rowBytesA);
  chooseFetch(code, frame);
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
  code.shiftLeft('rax', Math.log2(panelPitch));
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
  readonly mask: Address;
  readonly accumulate: Address;
  readonly rowBytesA: Address;
  /** The end of the next panel of B; 0 when it is fetched. */
  readonly panelEnd: Address;
  readonly fetch: Readonly<Record<keyof Fetch, Address>>;
}

/** What the next tile fetches: more of the next panel, else its part of what the caller wants, else one line again and again. */
function chooseFetch(code: VectorAssembler, { panelEnd, fetch: { from, step, nextTile, tiles } }: Frame): void {
  const [nothing, chosen] = [code.label(), code.label()];
  code.compare('r15', panelEnd);
  code.jump(chosen, 'below');
  code.move('rax', 0);
  code.store(panelEnd, 'rax');
  code.move('rax', tiles);
  code.compare('rax', 0);
  code.jump(nothing, 'equal');
  code.subtract('rax', 1);
  code.store(tiles, 'rax');
  code.move('rbp', step);
  code.move('r15', from);
  code.move('rax', nextTile);
  code.add('rax', 'r15');
  code.store(from, 'rax');
  code.jump(chosen);
  code.place(nothing);
  code.move('rbp', 0);
  code.place(chosen);
}

/** One tile of C; leaves r13 at the next one. */
function sumTile(code: VectorAssembler, rows: number, sizes: ProductSizes, layout: LayoutOfA, frame: Frame): void {
  const { tileRows, vectorFloats } = sizes;
  const vectorBytes = 4 * vectorFloats;
  const [left, right, value] = [2 * tileRows, 2 * tileRows + 1, 2 * tileRows + 2];
  for (let sum = 0; sum < 2 * rows; sum++) code.clearVector(sum);
  code.move('rax', 'r12');
  code.move('rbx', 'rsi');
  code.move('r14', 'r9');
  const a = startReadingA(code, rows, sizes, layout, frame);
  const addTerms = (terms: number) => {
    code.prefetch({ base: 'r15' }, 'read');
    code.add('r15', 'rbp');
    for (let term = 0; term < terms; term++) {
      const ofB = 2 * vectorBytes * term;
      code.loadVector(left, { base: 'rbx', displacement: ofB });
      code.loadVector(right, { base: 'rbx', displacement: ofB + vectorBytes });
      for (let row = 0; row < rows; row++) {
        code.broadcast(value + (row % 2), a.valueOf(row, term));
        code.multiplyAdd(2 * row, value + (row % 2), left);
        code.multiplyAdd(2 * row + 1, value + (row % 2), right);
      }
    }
    a.advance(terms);
    code.add('rbx', 2 * vectorBytes * terms);
  };
  // C is written when the sum is done. Its lines are fetched meanwhile, one a term: all at once, they would be waited for.
  const linesOfRow = (2 * vectorBytes) / cacheLine;
  const [terms, few, done] = [code.label(), code.label(), code.label()];
  code.compare('r14', linesOfRow * rows);
  code.jump(terms, 'below');
  code.subtract('r14', linesOfRow * rows);
  code.push('r14', 'r9');
  code.move('r14', rows);
  code.move('r9', 'r13');
  const rowOfC = code.place();
  for (let line = 0; line < linesOfRow; line++) {
    code.prefetch({ base: 'r9', displacement: line * cacheLine }, 'write');
    addTerms(1);
  }
  code.add('r9', 'r10');
  code.subtract('r14', 1);
  code.jump(rowOfC, 'notEqual');
  code.pop('r9', 'r14');

  code.place(terms);
  code.compare('r14', termsTogether);
  code.jump(few, 'below');
  const together = code.place();
  addTerms(termsTogether);
  code.subtract('r14', termsTogether);
  code.compare('r14', termsTogether);
  code.jump(together, 'notBelow');
  code.place(few);
  code.compare('r14', 0);
  code.jump(done, 'equal');
  const one = code.place();
  addTerms(1);
  code.subtract('r14', 1);
  code.jump(one, 'notEqual');
  code.place(done);
  a.stop();

  const [masked, end] = [code.label(), code.label()];
  code.move('rax', frame.mask);
  code.compare('rax', 0);
  code.jump(masked, 'notEqual');
  writeTile(code, rows, sizes, frame, false);
  code.jump(end);
  code.place(masked);
  code.setMask(leftMask, { base: 'rax' });
  code.setMask(rightMask, { base: 'rax', displacement: vectorBytes });
  writeTile(code, rows, sizes, frame, true);
  code.place(end);
}

/** Sums of a tile into C, at r13, which is left at the next tile. */
function writeTile(code: VectorAssembler, rows: number, { tileRows, vectorFloats }: ProductSizes, frame: Frame, isMasked: boolean): void {
  const vectorBytes = 4 * vectorFloats;
  const [left, right] = [2 * tileRows, 2 * tileRows + 1];
  const masks = isMasked ? ([leftMask, rightMask] as const) : [];
  const write = code.label();
  code.move('rax', frame.accumulate);
  code.compare('rax', 0);
  code.jump(write, 'equal');
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    code.loadVector(left, { base: 'rax' }, masks[0]);
    code.loadVector(right, { base: 'rax', displacement: vectorBytes }, masks[1]);
    code.addVector(2 * row, 2 * row, left);
    code.addVector(2 * row + 1, 2 * row + 1, right);
    code.add('rax', 'r10');
  }
  code.place(write);
  for (let row = 0; row < rows; row++) {
    code.storeVector({ base: 'r13' }, 2 * row, masks[0]);
    code.storeVector({ base: 'r13', displacement: vectorBytes }, 2 * row + 1, masks[1]);
    code.add('r13', 'r10');
  }
}

/** How the values of A in a term are reached, from rax at the first one on. */
interface ReadingA {
  valueOf(row: number, term: number): Address;
  advance(terms: number): void;
  /** Gives back the registers that were taken. */
  stop(): void;
}

function startReadingA(
  code: VectorAssembler,
  rows: number,
  { rowPitch, columnPitch }: ProductSizes,
  layout: LayoutOfA,
  { rowBytesA }: Frame,
): ReadingA {
  switch (layout) {
    case 'copiedRows':
      return {
        valueOf: (row, term) => ({ base: 'rax', displacement: row * rowPitch + 4 * term }),
        advance: (terms) => code.add('rax', 4 * terms),
        stop: () => {},
      };
    case 'copiedColumns':
      return {
        valueOf: (row, term) => ({ base: 'rax', displacement: 4 * row + columnPitch * term }),
        advance: (terms) => code.add('rax', columnPitch * terms),
        stop: () => {},
      };
    case 'columns': {
      code.push('rdi', 'rdx');
      code.move('rdi', onStack(rowBytesA, 2));
      code.addressOf('rdx', { base: 'rdi', index: 'rdi', scale: 2 });
      const places = [
        { base: 'rax' },
        { base: 'rax', index: 'rdi' },
        { base: 'rax', index: 'rdi', scale: 2 },
        { base: 'rax', index: 'rdx' },
      ] as const;
      return {
        valueOf: (row, term) => ({ ...(places[term] ?? { base: 'rax' }), displacement: 4 * row }),
        advance(terms) {
          if (terms === places.length) code.addressOf('rax', { base: 'rax', index: 'rdi', scale: 4 });
          else for (let term = 0; term < terms; term++) code.add('rax', 'rdi');
        },
        stop: () => code.pop('rdx', 'rdi'),
      };
    }
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
        valueOf(row, term) {
          const base = bases[Math.floor(row / 3)] ?? 'rax';
          const displacement = 4 * term;
          if (row % 3 === 0) return { base, displacement };
          return { base, displacement, index: 'rdi', scale: row % 3 === 1 ? 1 : 2 };
        },
        advance(terms) {
          for (const base of bases) code.add(base, 4 * terms);
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
