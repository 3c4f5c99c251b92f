import type { Address, Label, Register } from './assembler.js';
import type { ProductSizes } from './product-sizes.js';
import type { VectorAssembler } from './vector-assembler.js';

/** What a product on the list consists of: 32-bit integers, in this order. Places count from the base of the memory. */
export const smallProductFields = [
  'a',
  'b',
  'c',
  'rows',
  'terms',
  'panels',
  'rowOfA',
  'termOfA',
  'termOfB',
  'panelOfB',
  'rowOfC',
  'accumulate',
  'repeats',
  'nextA',
  'nextB',
  'nextC',
] as const;
type Field = (typeof smallProductFields)[number];
export const smallProductBytes = 4 * smallProductFields.length;

const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];
/** What points to A in a term, one for every three rows. */
const bases = ['rax', 'rbx', 'rcx', 'r8', 'rdi'] as const satisfies Register[];

/**
 * Products of a list: (base of the memory, list, products). Nothing is copied: A is read value by value, B vector by vector. Throughout
 * rsi the product; r9 the panel of B, r10 its columns of C; of one panel r11 rows left, r12 the tile of A, r13 the tile
 * of C. The base, the products, times and panels that are left, and what one time reads and writes lie on the stack.
 */
export function smallProducts(code: VectorAssembler, sizes: ProductSizes): number {
  const { tileRows, panelColumns } = sizes;
  const start = code.begin();
  const field = (name: Field): Address => ({ base: 'rsi', displacement: 4 * smallProductFields.indexOf(name) });
  const local = (position: number): Address => ({ base: 'rsp', displacement: 8 * position });
  const [base, products, times, panels] = [local(0), local(1), local(2), local(3)];
  const [timeA, timeB, timeC] = [local(4), local(5), local(6)];
  const locals = 7;
  const countDown = (what: Address, again: Label) => {
    code.move('rax', what);
    code.subtract('rax', 1);
    code.store(what, 'rax');
    code.jump(again, 'notEqual');
  };
  code.push(...saved);
  code.subtract('rsp', 8 * locals);
  code.store(base, 'rdi');
  code.store(products, 'rdx');

  const product = code.place();
  for (const [name, place] of [
    ['a', timeA],
    ['b', timeB],
    ['c', timeC],
  ] as const) {
    code.moveHalf('rax', field(name));
    code.add('rax', base);
    code.store(place, 'rax');
  }
  code.moveHalf('rax', field('repeats'));
  code.store(times, 'rax');

  const time = code.place();
  code.move('r9', timeB);
  code.move('r10', timeC);
  code.moveHalf('rax', field('panels'));
  code.store(panels, 'rax');

  const panel = code.place();
  code.moveHalf('r11', field('rows'));
  code.move('r12', timeA);
  code.move('r13', 'r10');
  const [rest, panelEnd] = [code.label(), code.label()];
  const tile = code.place();
  code.compare('r11', tileRows);
  code.jump(rest, 'below');
  sumTile(code, tileRows, sizes, field);
  code.moveHalf('rax', field('rowOfA'));
  for (let row = 0; row < tileRows; row++) code.add('r12', 'rax');
  code.subtract('r11', tileRows);
  code.jump(tile);
  code.place(rest);
  for (let rows = tileRows - 1; rows > 0; rows--) {
    const other = code.label();
    code.compare('r11', rows);
    code.jump(other, 'notEqual');
    sumTile(code, rows, sizes, field);
    code.jump(panelEnd);
    code.place(other);
  }
  code.place(panelEnd);
  code.moveHalf('rax', field('panelOfB'));
  code.add('r9', 'rax');
  code.add('r10', 4 * panelColumns);
  countDown(panels, panel);

  for (const [name, place] of [
    ['nextA', timeA],
    ['nextB', timeB],
    ['nextC', timeC],
  ] as const) {
    code.moveHalf('rax', field(name));
    code.add('rax', place);
    code.store(place, 'rax');
  }
  countDown(times, time);
  code.add('rsi', smallProductBytes);
  countDown(products, product);

  code.add('rsp', 8 * locals);
  code.pop(...[...saved].reverse());
  code.forgetVectors();
  code.return();
  return start;
}

/** One tile of C, from r12 and r9 into r13, which is left at the next one. */
function sumTile(code: VectorAssembler, rows: number, { tileRows, vectorFloats }: ProductSizes, field: (name: Field) => Address): void {
  const vectorBytes = 4 * vectorFloats;
  const [left, right, value] = [2 * tileRows, 2 * tileRows + 1, 2 * tileRows + 2];
  for (let sum = 0; sum < 2 * rows; sum++) code.clearVector(sum);
  const used = bases.slice(0, Math.ceil(rows / 3));
  code.push('rsi');
  code.moveHalf('rbp', field('rowOfA'));
  code.moveHalf('r14', field('terms'));
  code.moveHalf('r15', field('termOfA'));
  code.move('rdx', 'r9');
  code.moveHalf('rsi', field('termOfB'));
  code.move('rax', 'r12');
  for (const [group, base] of used.entries()) {
    const before = used[group - 1];
    if (before === undefined) continue;
    code.addressOf(base, { base: before, index: 'rbp', scale: 2 });
    code.add(base, 'rbp');
  }
  const valueOfRow = (row: number): Address => {
    const base = used[Math.floor(row / 3)] ?? 'rax';
    return row % 3 === 0 ? { base } : { base, index: 'rbp', scale: row % 3 === 1 ? 1 : 2 };
  };
  const term = code.place();
  code.loadVector(left, { base: 'rdx' });
  code.loadVector(right, { base: 'rdx', displacement: vectorBytes });
  for (let row = 0; row < rows; row++) {
    code.broadcast(value + (row % 2), valueOfRow(row));
    code.multiplyAdd(2 * row, value + (row % 2), left);
    code.multiplyAdd(2 * row + 1, value + (row % 2), right);
  }
  for (const base of used) code.add(base, 'r15');
  code.add('rdx', 'rsi');
  code.subtract('r14', 1);
  code.jump(term, 'notEqual');
  code.pop('rsi');

  const write = code.label();
  code.moveHalf('rbp', field('rowOfC'));
  code.moveHalf('rax', field('accumulate'));
  code.compare('rax', 0);
  code.jump(write, 'equal');
  code.move('rax', 'r13');
  for (let row = 0; row < rows; row++) {
    code.loadVector(left, { base: 'rax' });
    code.loadVector(right, { base: 'rax', displacement: vectorBytes });
    code.addVector(2 * row, 2 * row, left);
    code.addVector(2 * row + 1, 2 * row + 1, right);
    code.add('rax', 'rbp');
  }
  code.place(write);
  for (let row = 0; row < rows; row++) {
    code.storeVector({ base: 'r13' }, 2 * row);
    code.storeVector({ base: 'r13', displacement: vectorBytes }, 2 * row + 1);
    code.add('r13', 'rbp');
  }
}
