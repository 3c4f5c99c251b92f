/** General registers, in the order of their numbers in instructions. */
export const registers = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
export type Register = (typeof registers)[number];

/** The memory at base + scale index + displacement. */
export interface Address {
  readonly base: Register;
  readonly index?: Register;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly displacement?: number;
}

/** A place in the code, to jump to before or after it is known. */
export interface Label {
  at: number | undefined;
  /** Where its distance is still to be written. */
  readonly uses: number[];
}

/** Comparisons of unsigned numbers, as the second byte of a jump encodes them. */
const conditions = { below: 0x82, notBelow: 0x83, equal: 0x84, notEqual: 0x85, notAbove: 0x86 } as const;
export type Condition = keyof typeof conditions;

/** Writes machine code for x86-64: instructions on general registers, which hold 64 bits. */
export class Assembler {
  readonly #bytes: number[] = [];

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
  multiply(to: Register, by: Register): void {
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
    this.operand(1, from, 1);
  }

  /** What the processor can do (CPUID): rax and rcx say what is asked, rax, rbx, rcx and rdx what is answered. */
  identify(): void {
    this.#bytes.push(0x0f, 0xa2);
  }

  /** Which registers the operating system keeps (XGETBV), into rax; rcx must be 0. */
  keptRegisters(): void {
    this.#bytes.push(0x0f, 0x01, 0xd0);
  }

  protected write(...bytes: number[]): void {
    this.#bytes.push(...bytes);
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
    this.operand(number, typeof operand === 'string' ? registers.indexOf(operand) : operand, 1);
  }

  /** The byte before an opcode that holds the highest bits of three registers' numbers (REX). */
  #extend(first: number, operand: Register | Address, wide: boolean): void {
    const [base, index] = typeof operand === 'string' ? [operand, undefined] : [operand.base, operand.index];
    const high = (register: Register | undefined) => (register === undefined ? 0 : registers.indexOf(register) >> 3);
    this.#bytes.push(0x40 | (Number(wide) << 3) | ((first >> 3) << 2) | (high(index) << 1) | high(base));
  }

  /** The bytes after an opcode: a register or an address (ModR/M, SIB), with a displacement of 0, 1 or 4 bytes. */
  protected operand(first: number, operand: number | Address, memoryBytes: number): void {
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
