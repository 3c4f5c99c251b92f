import type { Address, Register } from '../assembler.js';
import type { Vector } from '../vector-assembler.js';
import { headProbabilities, positions as rowPositions } from './head-rows.js';
import { type KernelAssembler, vectorBytes } from './kernel-assembler.js';

// As src/tensor/kernels/assembly/single-query.ts, eight keys at a time: a score is one chain over depth, and a value of the output one over
// keys.

/** Keys are read eight at a time. */
const keysAtOnce = 8;
/** The longest sum over keys, as there. */
const keyBlock = 256;

/** Integer arguments by position; the first are those of `headProbabilities`, for one row of each head. */
const queryPositions = {
  scores: rowPositions.scores,
  count: rowPositions.visible,
  /** Bytes of a row of scores, in whole vectors. */
  scoreBytes: rowPositions.scoreBytes,
  heads: rowPositions.heads,
  output: 10,
  query: 11,
  keys: 12,
  values: 13,
  memoryRowBytes: 14,
  /** Which rows the keys are, or 0: one after another. */
  memoryRows: 15,
  headBytes: 16,
  /** Room for the addresses of the keys, 64 bits each, as many as a row of scores has floats. */
  addresses: 17,
} as const;

const saved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const satisfies Register[];
const keyRegisters = ['rax', 'rcx', 'rdx', 'rbx', 'rbp', 'r8', 'r9', 'r11'] as const satisfies Register[];

const local = (position: number): Address => ({ base: 'rsp', displacement: 8 * position });
const [base, headBytes, scoreBytes, headsLeft] = [local(0), local(1), local(2), local(3)];
const [query, firstScores, group, groupEnd, scoresOfGroup] = [local(4), local(5), local(6), local(7), local(8)];
const locals = 9;

/** `attendHeads` for one query whose heads have keys of their own, in whole vectors, without dropout; and the scale as a float. */
export function attendQuery(code: KernelAssembler): number {
  const probabilities = headProbabilities(code);
  const start = code.begin();
  code.push(...saved);
  code.subtract('rsp', 8 * locals);
  code.store(base, 'rdi');
  for (const [position, to] of [
    [queryPositions.headBytes, headBytes],
    [queryPositions.scoreBytes, scoreBytes],
    [queryPositions.heads, headsLeft],
  ] as const) {
    code.moveArgument('rax', position);
    code.store(to, 'rax');
  }
  for (const [position, to] of [
    [queryPositions.query, query],
    [queryPositions.scores, firstScores],
  ] as const) {
    code.movePlace('rax', position);
    code.store(to, 'rax');
  }
  listKeys(code);
  scoreKeys(code);
  code.move('rdi', base);
  code.call(probabilities);
  addValues(code);
  code.add('rsp', 8 * locals);
  code.pop(...saved.toReversed());
  code.forgetVectors();
  code.return();
  return start;
}

/** The addresses of all keys, the last one's again up to a multiple of eight. */
function listKeys(code: KernelAssembler): void {
  const [chosen, next, listed, whole] = [code.label(), code.label(), code.label(), code.label()];
  code.movePlace('rax', queryPositions.keys);
  code.movePlace('rcx', queryPositions.memoryRows);
  code.moveArgument('rdx', queryPositions.memoryRowBytes);
  code.moveArgument('r8', queryPositions.count);
  code.movePlace('r11', queryPositions.addresses);
  code.move('r9', 'rax');
  code.store(group, 'r11');
  code.move('r10', scoreBytes);
  code.addressOf('rbx', { base: 'r11', index: 'r10', scale: 2 });
  code.store(groupEnd, 'rbx');
  const again = code.place();
  code.compare('rcx', 'rdi');
  code.jump(chosen, 'notEqual');
  code.store({ base: 'r11' }, 'r9');
  code.add('r9', 'rdx');
  code.jump(next);
  code.place(chosen);
  code.moveHalf('r9', { base: 'rcx' });
  code.multiply('r9', 'rdx');
  code.add('r9', 'rax');
  code.store({ base: 'r11' }, 'r9');
  code.add('rcx', 4);
  code.place(next);
  code.add('r11', 8);
  code.subtract('r8', 1);
  code.jump(again, 'notEqual');
  code.move('r9', { base: 'r11', displacement: -8 });
  code.place(listed);
  code.compare('r11', 'rbx');
  code.jump(whole, 'equal');
  code.store({ base: 'r11' }, 'r9');
  code.add('r11', 8);
  code.jump(listed);
  code.place(whole);
}

/**
 * scores [heads, scoreBytes] = query . keys. Two heads at a time, whose sums need not wait for each other. r10 and r14 bytes from the
 * begin of a key to what is read, of one head and of the other; r15 where r10 ends, r12 the query, r13 scores, rdi heads left.
 */
function scoreKeys(code: KernelAssembler): void {
  const [one, other] = [8, 9] as const satisfies Vector[];
  code.move('rax', firstScores);
  code.store(scoresOfGroup, 'rax');
  const keys = code.place();
  const [alone, done] = [code.label(), code.label()];
  code.move('rdi', headsLeft);
  code.move('r12', query);
  code.move('r13', scoresOfGroup);
  code.move('r10', group);
  for (const [index, register] of keyRegisters.entries()) code.move(register, { base: 'r10', displacement: 8 * index });
  code.move('r10', 0);
  code.move('r14', headBytes);
  code.move('r15', headBytes);

  const pair = code.place();
  code.compare('rdi', 2);
  code.jump(alone, 'below');
  code.clearVector(one);
  code.clearVector(other);
  const depth = code.place();
  addDepths(code, one, 'r10');
  addDepths(code, other, 'r14');
  code.add('r10', vectorBytes);
  code.add('r14', vectorBytes);
  code.compare('r10', 'r15');
  code.jump(depth, 'below');
  for (const sum of [one, other]) {
    code.storeVector({ base: 'r13' }, sum);
    code.add('r13', scoreBytes);
  }
  code.move('r10', 'r14');
  code.add('r14', headBytes);
  code.move('r15', 'r14');
  code.subtract('rdi', 2);
  code.jump(pair);

  code.place(alone);
  code.compare('rdi', 0);
  code.jump(done, 'equal');
  code.clearVector(one);
  const lastDepth = code.place();
  addDepths(code, one, 'r10');
  code.add('r10', vectorBytes);
  code.compare('r10', 'r15');
  code.jump(lastDepth, 'below');
  code.storeVector({ base: 'r13' }, one);

  code.place(done);
  code.move('rax', scoresOfGroup);
  code.add('rax', vectorBytes);
  code.store(scoresOfGroup, 'rax');
  code.move('rax', group);
  code.add('rax', 8 * keysAtOnce);
  code.store(group, 'rax');
  code.compare('rax', groupEnd);
  code.jump(keys, 'below');
}

/** sum += what eight values of the query, and of each of eight keys, give: four are transposed at a time. */
function addDepths(code: KernelAssembler, sum: Vector, at: Register): void {
  for (const half of [0, vectorBytes / 2]) {
    for (let row = 0; row < 4; row++) {
      code.repeatHalf(row, { base: keyRegisters[row] as Register, index: at, displacement: half });
      code.insertHalf(row, row, { base: keyRegisters[row + 4] as Register, index: at, displacement: half });
    }
    code.unpack('Low', 4, 0, 1);
    code.unpack('Low', 5, 2, 3);
    code.unpack('High', 6, 0, 1);
    code.unpack('High', 7, 2, 3);
    code.unpack('LowPairs', 0, 4, 5);
    code.unpack('HighPairs', 1, 4, 5);
    code.unpack('LowPairs', 2, 6, 7);
    code.unpack('HighPairs', 3, 6, 7);
    for (let depth = 0; depth < 4; depth++) {
      const value = 10 + depth;
      code.broadcast(value, { base: 'r12', index: at, displacement: half + 4 * depth });
      code.multiplyAdd(sum, value, depth);
    }
  }
}

/**
 * output [heads, headBytes] = the sum of values, weighted. r12 output, r13 the weights of a head, rbx heads left, rbp bytes of the head
 * that are left, r14 from the address of a key to its values.
 */
function addValues(code: KernelAssembler): void {
  code.movePlace('r12', queryPositions.output);
  code.move('r13', firstScores);
  code.movePlace('r14', queryPositions.values);
  code.movePlace('rax', queryPositions.keys);
  code.subtract('r14', 'rax');
  code.move('rbx', headsLeft);
  const head = code.place();
  code.move('rbp', headBytes);
  for (const vectors of [8, 4, 2, 1]) {
    const [again, fewer] = [code.place(), code.label()];
    code.compare('rbp', vectors * vectorBytes);
    code.jump(fewer, 'below');
    addColumns(code, vectors);
    for (const place of ['r12', 'r14'] as const) code.add(place, vectors * vectorBytes);
    code.subtract('rbp', vectors * vectorBytes);
    code.jump(again);
    code.place(fewer);
  }
  code.add('r13', scoreBytes);
  code.subtract('rbx', 1);
  code.jump(head, 'notEqual');
}

/** Some vectors of the output of a head. */
function addColumns(code: KernelAssembler, vectors: number): void {
  const weight = vectors;
  const [whole, written] = [code.label(), code.label()];
  code.movePlace('rax', queryPositions.addresses);
  code.move('rcx', 'r13');
  code.moveArgument('r8', queryPositions.count);
  code.move('r11', 0);
  const block = code.place();
  code.move('r9', keyBlock);
  code.compare('r9', 'r8');
  code.jump(whole, 'notAbove');
  code.move('r9', 'r8');
  code.place(whole);
  code.subtract('r8', 'r9');
  for (let vector = 0; vector < vectors; vector++) code.clearVector(vector);
  const key = code.place();
  code.move('rdx', { base: 'rax' });
  code.broadcast(weight, { base: 'rcx' });
  for (let vector = 0; vector < vectors; vector++) {
    code.multiplyAdd(vector, weight, { base: 'rdx', index: 'r14', displacement: vectorBytes * vector });
  }
  code.add('rax', 8);
  code.add('rcx', 4);
  code.subtract('r9', 1);
  code.jump(key, 'notEqual');
  code.compare('r11', 0);
  code.jump(written, 'equal');
  for (let vector = 0; vector < vectors; vector++) {
    code.addVector(vector, vector, { base: 'r12', displacement: vectorBytes * vector });
  }
  code.place(written);
  for (let vector = 0; vector < vectors; vector++) code.storeVector({ base: 'r12', displacement: vectorBytes * vector }, vector);
  code.move('r11', 1);
  code.compare('r8', 0);
  code.jump(block, 'notEqual');
}
