import { type Address, Assembler, registers } from './assembler.js';

/** The sets of instructions on vectors of 32-bit floats: how many a vector holds, and how many vectors the registers hold. */
export const vectorSets = { avx512: { floats: 16, registers: 32 }, avx2: { floats: 8, registers: 16 } } as const;
export type VectorSet = keyof typeof vectorSets;

/** The number of a vector register. */
export type Vector = number;
/** Which places of a vector in memory are read or written. AVX-512 has registers of their own for them; AVX2 takes vectors 14 and 15. */
export type Mask = 1 | 2;

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
  multiply: { opcode: 0x59, map: 1 },
  multiplyAdd: { opcode: 0xb8, map: 2, prefixed: true },
  addIntegers: { opcode: 0xfe, map: 1, prefixed: true },
  subtractIntegers: { opcode: 0xfa, map: 1, prefixed: true },
  toFloats: { opcode: 0x5b, map: 1 },
  unpackLow: { opcode: 0x14, map: 1 },
  unpackHigh: { opcode: 0x15, map: 1 },
  unpackLowPairs: { opcode: 0x14, map: 1, prefixed: true, wide: true },
  unpackHighPairs: { opcode: 0x15, map: 1, prefixed: true, wide: true },
  shuffleQuarters: { opcode: 0x23, map: 3, prefixed: true },
  permuteHalves: { opcode: 0x06, map: 3, prefixed: true },
  repeatHalf: { opcode: 0x1a, map: 2, prefixed: true },
  insertHalf: { opcode: 0x18, map: 3, prefixed: true },
} as const satisfies { [name: string]: VectorInstruction };

/** As `Assembler`, with the instructions of AVX-512 or AVX2 that products of matrices need, and others share. */
export class VectorAssembler extends Assembler {
  readonly vectors: VectorSet;

  constructor(vectors: VectorSet) {
    super();
    this.vectors = vectors;
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

  multiplyVector(to: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.multiply, to, left, right);
  }

  addVector(to: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.add, to, left, right);
  }

  /** sum += left right, rounded once. */
  multiplyAdd(sum: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.multiplyAdd, sum, left, right);
  }

  /** 32 bits each. */
  addIntegers(to: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.addIntegers, to, left, right);
  }

  subtractIntegers(to: Vector, left: Vector, right: Vector | Address): void {
    this.vector(instructions.subtractIntegers, to, left, right);
  }

  /** Of integers. */
  toFloats(to: Vector, from: Vector): void {
    this.vector(instructions.toFloats, to, 0, from);
  }

  /** In each quarter: the lower or higher two floats (or one pair) of both, in turn. */
  unpack(which: 'Low' | 'High' | 'LowPairs' | 'HighPairs', to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions[`unpack${which}`], to, left, right);
  }

  /** AVX-512: two quarters of `left`, then two of `right`; two bits of `selection` name each. */
  shuffleQuarters(to: Vector, left: Vector, right: Vector, selection: number): void {
    this.vector(instructions.shuffleQuarters, to, left, right);
    this.write(selection);
  }

  /** AVX2: two of the halves of `left` (0, 1) and `right` (2, 3), named by four bits of `selection` each. */
  permuteHalves(to: Vector, left: Vector, right: Vector, selection: number): void {
    this.vector(instructions.permuteHalves, to, left, right);
    this.write(selection);
  }

  /** AVX2: four floats in both halves. */
  repeatHalf(to: Vector, from: Address): void {
    this.vector(instructions.repeatHalf, to, 0, from);
  }

  /** AVX2: the lower half of `left`, and four floats as the upper one. */
  insertHalf(to: Vector, left: Vector, right: Address): void {
    this.vector(instructions.insertHalf, to, left, right);
    this.write(1);
  }

  /** At the end of a function that used vectors: what follows may use halves of them, and would wait (VZEROUPPER). */
  forgetVectors(): void {
    this.write(0xc5, 0xf8, 0x77);
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
      this.write(0xc4, highBits | map, middle | length256, opcode);
      this.operand(first, operand, 1);
    } else {
      const length512 = 2 << 5;
      this.write(
        0x62,
        highBits | (bit(first, 4) << 4) | map,
        middle | 4,
        (Number(zeroing) << 7) | length512 | (bit(second, 4) << 3) | mask,
        opcode,
      );
      this.operand(first, operand, memoryBytes);
    }
  }
}

function maskVector(mask: Mask): Vector {
  return 13 + mask;
}
