/** General registers, in the order of their numbers in instructions. */
const registers = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
export type Register = (typeof registers)[number];

/** The memory at base + scale index + displacement. */
export interface Address {
  readonly base: Register;
  readonly index?: Register;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly displacement?: number;
}

/** The sets of instructions on vectors of 32-bit floats: how many a vector holds, and how many vectors the registers hold. */
export const vectorSets = { avx512: { floats: 16, registers: 32 }, avx2: { floats: 8, registers: 16 } } as const;
export type VectorSet = keyof typeof vectorSets;

/** The number of a vector register. */
export type Vector = number;
/** Which places of a vector in memory are read or written. AVX-512 has registers of their own for them; AVX2 takes vectors 14 and 15. */
export type Mask = 1 | 2;

/** A place in the code, to jump to before or after it is known. */
export interface Label {
  at: number | undefined;
  /** Where its distance is still to be written. */
  readonly uses: number[];
}

/** Comparisons of unsigned numbers, as the second byte of a jump encodes them. */
const conditions = { below: 0x82, equal: 0x84, notEqual: 0x85, notAbove: 0x86 } as const;
export type Condition = keyof typeof conditions;

/** How an instruction on vectors is encoded (Intel's manual, volume 2, sections 2.3, VEX, and 2.7, EVEX). */
export interface VectorInstruction {
  readonly opcode: number;
  /** Of opcodes: 1 = 0F, 2 = 0F 38, 3 = 0F 3A. */
  readonly map: 1 | 2 | 3;
  /** Stands for the byte 66 before the opcode. */
  readonly prefixed?: boolean;
  readonly wide?: boolean;
  /** Bytes that are read from memory: short displacements of EVEX count in them. Default: a vector. */
  readonly memoryBytes?: number;
}

const instructions = {
  load: { opcode: 0x10, map: 1 },
  store: { opcode: 0x11, map: 1 },
  broadcast: { opcode: 0x18, map: 2, prefixed: true, memoryBytes: 4 },
  loadMasked: { opcode: 0x2c, map: 2, prefixed: true },
  storeMasked: { opcode: 0x2e, map: 2, prefixed: true },
  testIntegers: { opcode: 0x27, map: 2, prefixed: true },
  exclusiveOr: { opcode: 0xef, map: 1, prefixed: true },
  add: { opcode: 0x58, map: 1 },
  multiplyAdd: { opcode: 0xb8, map: 2, prefixed: true },
  unpackLow: { opcode: 0x14, map: 1 },
  unpackHigh: { opcode: 0x15, map: 1 },
  unpackLowPairs: { opcode: 0x14, map: 1, prefixed: true, wide: true },
  unpackHighPairs: { opcode: 0x15, map: 1, prefixed: true, wide: true },
  shuffleQuarters: { opcode: 0x23, map: 3, prefixed: true },
  permuteHalves: { opcode: 0x06, map: 3, prefixed: true },
  repeatHalf: { opcode: 0x1a, map: 2, prefixed: true },
  insertHalf: { opcode: 0x18, map: 3, prefixed: true },
} as const satisfies { [name: string]: VectorInstruction };

/**
 * Writes machine code for x86-64 with AVX-512 or AVX2: the instructions that products of matrices need. General registers hold
 * 64 bits.
 */
export class Assembler {
  readonly vectors: VectorSet;
  readonly #bytes: number[] = [];

  constructor(vectors: VectorSet) {
    this.vectors = vectors;
  }

  /** The code so far, in which every label that is used has its place. */
  get code(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /** Where the next function begins: at a cache line. */
  begin(): number {
    const noOperation = 0x90;
    while (this.#bytes.length % 64 !== 0) this.#bytes.push(noOperation);
    return this.#bytes.length;
  }

  label(): Label {
    return { at: undefined, uses: [] };
  }

  /** Gives the label the place of what follows, and the place itself. */
  place(label = this.label()): Label {
    label.at = this.#bytes.length;
    for (const use of label.uses) this.#writeDistance(use, label.at);
    return label;
  }

  move(to: Register, from: Register | Address | number): void {
    if (typeof from === 'number') {
      this.#general(0xc7, 0, to);
      this.#int32(from);
    } else {
      this.#general(0x8b, to, from);
    }
  }

  store(to: Address, from: Register): void {
    this.#general(0x89, from, to);
  }

  /** The lower half, 32 bits. */
  storeHalf(to: Address, from: Register): void {
    this.#general(0x89, from, to, false);
  }

  /** The lower half, 32 bits; the upper one becomes 0. */
  moveHalf(to: Register, from: Address): void {
    this.#general(0x8b, to, from, false);
  }

  /** The address itself. */
  addressOf(to: Register, from: Address): void {
    this.#general(0x8d, to, from);
  }

  add(to: Register, value: Register | Address | number): void {
    this.#arithmetic(0x03, 0, to, value);
  }

  subtract(from: Register, value: Register | number): void {
    this.#arithmetic(0x2b, 5, from, value);
  }

  and(to: Register, value: Register | number): void {
    this.#arithmetic(0x23, 4, to, value);
  }

  compare(left: Register, right: Register | Address | number): void {
    this.#arithmetic(0x3b, 7, left, right);
  }

  /** The lower 64 bits of the product. */
  multiplyRegister(to: Register, by: Register): void {
    this.#general([0x0f, 0xaf], to, by);
  }

  shiftLeft(what: Register, bits: number): void {
    this.#general(0xc1, 4, what);
    this.#bytes.push(bits);
  }

  push(...from: Register[]): void {
    for (const register of from) this.#short(0x50, register);
  }

  pop(...to: Register[]): void {
    for (const register of to) this.#short(0x58, register);
  }

  jump(to: Label, condition?: Condition): void {
    if (condition === undefined) this.#bytes.push(0xe9);
    else this.#bytes.push(0x0f, conditions[condition]);
    const use = this.#bytes.length;
    this.#int32(0);
    if (to.at === undefined) to.uses.push(use);
    else this.#writeDistance(use, to.at);
  }

  /** Calls a function of this code that begins there, and goes on after it. */
  call(start: number): void {
    this.#bytes.push(0xe8);
    const use = this.#bytes.length;
    this.#int32(0);
    this.#writeDistance(use, start);
  }

  return(): void {
    this.#bytes.push(0xc3);
  }

  /** Asks for a cache line, to be read or written soon. */
  prefetch(from: Address, purpose: 'read' | 'write'): void {
    this.#extend(0, from, false);
    this.#bytes.push(0x0f, purpose === 'read' ? 0x18 : 0x0d);
    this.#operand(1, from, 1);
  }

  /** What the processor can do (CPUID): rax and rcx say what is asked, rax, rbx, rcx and rdx what is answered. */
  identify(): void {
    this.#bytes.push(0x0f, 0xa2);
  }

  /** Which registers the operating system keeps (XGETBV), into rax; rcx must be 0. */
  keptRegisters(): void {
    this.#bytes.push(0x0f, 0x01, 0xd0);
  }

  /** With a mask, the other places become 0, and are not read. */
  loadVector(to: Vector, from: Address, mask?: Mask): void {
    if (mask !== undefined && this.vectors === 'avx2') this.vector(instructions.loadMasked, to, maskVector(mask), from);
    else this.vector(instructions.load, to, 0, from, mask, mask !== undefined);
  }

  /** With a mask, the other places stay as they are. */
  storeVector(to: Address, from: Vector, mask?: Mask): void {
    if (mask !== undefined && this.vectors === 'avx2') this.vector(instructions.storeMasked, from, maskVector(mask), to);
    else this.vector(instructions.store, from, 0, to, mask);
  }

  /** From 32-bit integers, 0 where a place is left out and -1 elsewhere. Overwrites vector 31 of AVX-512. */
  setMask(mask: Mask, from: Address): void {
    if (this.vectors === 'avx2') {
      this.loadVector(maskVector(mask), from);
    } else {
      const integers = 31;
      this.loadVector(integers, from);
      this.vector(instructions.testIntegers, mask, integers, integers);
    }
  }

  /** One float in all places. */
  broadcast(to: Vector, from: Address): void {
    this.vector(instructions.broadcast, to, 0, from);
  }

  moveVector(to: Vector, from: Vector): void {
    this.vector(instructions.load, to, 0, from);
  }

  clearVector(vector: Vector): void {
    this.vector(instructions.exclusiveOr, vector, vector, vector);
  }

  addVector(to: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.add, to, left, right);
  }

  /** sum += left right, rounded once. */
  multiplyAdd(sum: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.multiplyAdd, sum, left, right);
  }

  /** In each quarter: the lower or higher two floats (or one pair) of both, in turn. */
  unpack(which: 'Low' | 'High' | 'LowPairs' | 'HighPairs', to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions[`unpack${which}`], to, left, right);
  }

  /** AVX-512: two quarters of `left`, then two of `right`; two bits of `selection` name each. */
  shuffleQuarters(to: Vector, left: Vector, right: Vector, selection: number): void {
    this.vector(instructions.shuffleQuarters, to, left, right);
    this.byte(selection);
  }

  /** AVX2: two of the halves of `left` (0, 1) and `right` (2, 3), named by four bits of `selection` each. */
  permuteHalves(to: Vector, left: Vector, right: Vector, selection: number): void {
    this.vector(instructions.permuteHalves, to, left, right);
    this.byte(selection);
  }

  /** AVX2: four floats in both halves. */
  repeatHalf(to: Vector, from: Address): void {
    this.vector(instructions.repeatHalf, to, 0, from);
  }

  /** AVX2: the lower half of `left`, and four floats as the upper one. */
  insertHalf(to: Vector, left: Vector, right: Address): void {
    this.vector(instructions.insertHalf, to, left, right);
    this.byte(1);
  }

  /** At the end of a function that used vectors: what follows may use halves of them, and would wait (VZEROUPPER). */
  forgetVectors(): void {
    this.#bytes.push(0xc5, 0xf8, 0x77);
  }

  /** An instruction on vectors, and the registers and the operand in the order of Intel's manual. */
  protected vector(
    { opcode, map, prefixed = false, wide = false, memoryBytes = 64 }: VectorInstruction,
    first: Vector,
    second: Vector,
    operand: Vector | Address,
    mask = 0,
    zeroing = false,
  ): void {
    // These bits of register numbers are stored inverted.
    const bit = (value: number, position: number) => ((value >> position) & 1) ^ 1;
    const [base, index] =
      typeof operand === 'number'
        ? // A register has five bits, of which EVEX keeps the fifth where the index of an address has its fourth.
          [operand, operand >> 1]
        : [registers.indexOf(operand.base), operand.index === undefined ? 0 : registers.indexOf(operand.index)];
    const highBits = (bit(first, 3) << 7) | (bit(index, 3) << 6) | (bit(base, 3) << 5);
    const middle = (Number(wide) << 7) | ((~second & 15) << 3) | Number(prefixed);
    if (this.vectors === 'avx2') {
      const length256 = 1 << 2;
      this.#bytes.push(0xc4, highBits | map, middle | length256, opcode);
      this.#operand(first, operand, 1);
    } else {
      const length512 = 2 << 5;
      this.#bytes.push(
        0x62,
        highBits | (bit(first, 4) << 4) | map,
        middle | 4,
        (Number(zeroing) << 7) | length512 | (bit(second, 4) << 3) | mask,
        opcode,
      );
      this.#operand(first, operand, memoryBytes);
    }
  }

  /** What follows the operands of an instruction. */
  protected byte(value: number): void {
    this.#bytes.push(value);
  }

  #arithmetic(opcode: number, extension: number, left: Register, right: Register | Address | number): void {
    if (typeof right === 'number') {
      this.#general(0x81, extension, left);
      this.#int32(right);
    } else {
      this.#general(opcode, left, right);
    }
  }

  #short(opcode: number, register: Register): void {
    const number = registers.indexOf(register);
    if (number >= 8) this.#bytes.push(0x41);
    this.#bytes.push(opcode + (number & 7));
  }

  /** `first` is a register, or the number that stands in its place and belongs to the opcode. */
  #general(opcode: number | readonly number[], first: Register | number, operand: Register | Address, wide = true): void {
    const number = typeof first === 'number' ? first : registers.indexOf(first);
    this.#extend(number, operand, wide);
    this.#bytes.push(...[opcode].flat());
    this.#operand(number, typeof operand === 'string' ? registers.indexOf(operand) : operand, 1);
  }

  /** The byte before an opcode that holds the highest bits of three registers' numbers (REX). */
  #extend(first: number, operand: Register | Address, wide: boolean): void {
    const [base, index] = typeof operand === 'string' ? [operand, undefined] : [operand.base, operand.index];
    const high = (register: Register | undefined) => (register === undefined ? 0 : registers.indexOf(register) >> 3);
    this.#bytes.push(0x40 | (Number(wide) << 3) | ((first >> 3) << 2) | (high(index) << 1) | high(base));
  }

  /** The bytes after an opcode: a register or an address (ModR/M, SIB), with a displacement of 0, 1 or 4 bytes. */
  #operand(first: number, operand: number | Address, memoryBytes: number): void {
    const field = (first & 7) << 3;
    if (typeof operand === 'number') {
      this.#bytes.push(0xc0 | field | (operand & 7));
      return;
    }
    const { index, scale = 1, displacement = 0 } = operand;
    const base = registers.indexOf(operand.base) & 7;
    const steps = displacement / memoryBytes;
    const isShort = Number.isInteger(steps) && steps >= -128 && steps < 128;
    // rbp and r13 always have a displacement; rsp and r12 as a base, and any index, need a second byte.
    const mode = displacement === 0 && base !== 5 ? 0 : isShort ? 1 : 2;
    const second = 4;
    if (index === undefined && base !== 4) {
      this.#bytes.push((mode << 6) | field | base);
    } else {
      const none = 4;
      this.#bytes.push((mode << 6) | field | second);
      this.#bytes.push((Math.log2(scale) << 6) | ((index === undefined ? none : registers.indexOf(index) & 7) << 3) | base);
    }
    if (mode === 1) this.#bytes.push(steps & 0xff);
    if (mode === 2) this.#int32(displacement);
  }

  #int32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#bytes.push((value >> shift) & 0xff);
  }

  /** Distances count from the end of the jump. */
  #writeDistance(use: number, to: number): void {
    const distance = to - (use + 4);
    for (let byte = 0; byte < 4; byte++) this.#bytes[use + byte] = (distance >> (8 * byte)) & 0xff;
  }
}

function maskVector(mask: Mask): Vector {
  return 13 + mask;
}
