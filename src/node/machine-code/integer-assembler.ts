import type { Address } from './assembler.js';
import { type Vector, VectorAssembler, type VectorInstruction } from './vector-assembler.js';

const instructions = {
  broadcast: { opcode: 0x58, map: 2, prefixed: true },
  multiplyBytes: { opcode: 0x04, map: 2, prefixed: true },
  multiplyWords: { opcode: 0xf5, map: 1, prefixed: true },
  multiply: { opcode: 0x40, map: 2, prefixed: true },
  compareWords: { opcode: 0x75, map: 1, prefixed: true },
  absoluteWords: { opcode: 0x1d, map: 2, prefixed: true },
} as const satisfies { [name: string]: VectorInstruction };

/** As `VectorAssembler`, with the instructions of AVX2 that products of integers need. */
export class IntegerAssembler extends VectorAssembler {
  constructor() {
    super('avx2');
  }

  /** 32 bits in all places. */
  broadcastIntegers(to: Vector, from: Address): void {
    this.vector(instructions.broadcast, to, 0, from);
  }

  /** Each sum of two products of unsigned bytes of `left` and signed ones of `right`, in 16 bits. */
  multiplyBytes(to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions.multiplyBytes, to, left, right);
  }

  /** Each sum of two products of 16 bits, in 32. */
  multiplyWords(to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions.multiplyWords, to, left, right);
  }

  /** The lower 32 bits of products of 32. */
  multiplyIntegers(to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions.multiply, to, left, right);
  }

  /** 1 in every 16 bits. */
  oneInWords(to: Vector): void {
    this.vector(instructions.compareWords, to, to, to);
    this.vector(instructions.absoluteWords, to, 0, to);
  }
}
