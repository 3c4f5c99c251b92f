import type { Address, Label, Register } from '../assembler.js';
import { type Vector, VectorAssembler, type VectorInstruction } from '../vector-assembler.js';

const instructions = {
  subtract: { opcode: 0x5c, map: 1 },
  least: { opcode: 0x5d, map: 1 },
  divide: { opcode: 0x5e, map: 1 },
  greatest: { opcode: 0x5f, map: 1 },
  and: { opcode: 0x54, map: 1 },
  or: { opcode: 0x56, map: 1 },
  compare: { opcode: 0xc2, map: 1 },
  blend: { opcode: 0x4a, map: 3, prefixed: true },
  multiplyInPlace: { opcode: 0xa8, map: 2, prefixed: true },
  shiftIntegers: { opcode: 0x72, map: 1, prefixed: true },
  permuteLanes: { opcode: 0x04, map: 3, prefixed: true },
  broadcast: { opcode: 0x18, map: 2, prefixed: true },
  broadcastDouble: { opcode: 0x19, map: 2, prefixed: true },
  toDoubles: { opcode: 0x5a, map: 1 },
  fromDoubles: { opcode: 0x5a, map: 1, prefixed: true },
  addDoubles: { opcode: 0x58, map: 1, prefixed: true },
  divideDoubles: { opcode: 0x5e, map: 1, prefixed: true },
  rootOfDoubles: { opcode: 0x51, map: 1, prefixed: true },
} as const satisfies { [name: string]: VectorInstruction };

/** Comparisons of floats, as the last byte of the instruction encodes them; all but the last are false where one is NaN. */
const predicates = { less: 0x11, greater: 0x1e, unordered: 0x03 } as const;

/** An operand of an instruction: a vector, in a register or in memory. */
export type Operand = Vector | Address;

/** Bytes of a vector of eight floats. */
export const vectorBytes = 32;
/**
 * Where a function finds its arguments in the block: integers (twenty-four), floats (eight) and doubles (four); then a vector for itself, eight
 * times -1 and eight times 0, of which any eight in a row are a mask, and the constants.
 */
export const argumentPlaces = { integers: 0, floats: 96, doubles: 128, own: 160, masks: 192, constants: 256 } as const;

/** The constants of point-wise code, each in all places of a vector: they follow the arguments of a function in memory. */
export class Constants {
  readonly #places = new Map<number, number>();
  readonly #bits: number[] = [];
  /** Those that the function being written holds in registers. */
  readonly held = new Map<number, Vector>();

  /** A float, rounded to 32 bits. */
  float(value: number): Operand {
    return this.integer(bitsOf(value));
  }

  /** 32 bits. */
  integer(bits: number): Operand {
    return this.held.get(bits) ?? this.inMemory(bits);
  }

  inMemory(bits: number): Address {
    const place = this.#places.get(bits) ?? this.#bits.push(bits) - 1;
    this.#places.set(bits, place);
    return { base: 'rsi', displacement: argumentPlaces.constants + vectorBytes * place };
  }

  /** Bytes of the block that holds arguments and constants. */
  get blockBytes(): number {
    return argumentPlaces.constants + vectorBytes * this.#bits.length;
  }

  write(block: Int32Array): void {
    block.fill(-1, argumentPlaces.masks / 4, argumentPlaces.masks / 4 + vectorBytes / 4);
    for (const [place, bits] of this.#bits.entries()) {
      const start = (argumentPlaces.constants + vectorBytes * place) / 4;
      block.fill(bits, start, start + vectorBytes / 4);
    }
  }
}

function bitsOf(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0] as number;
}

/**
 * Writes functions of point-wise work with AVX2: (base of the memory, block). The block is
 * that of `argumentPlaces`, and rsi throughout.
 */
export class KernelAssembler extends VectorAssembler {
  readonly constants: Constants;

  constructor(constants: Constants) {
    super('avx2');
    this.constants = constants;
  }

  override begin(): number {
    this.constants.held.clear();
    return super.begin();
  }

  /** Holds floats in the vectors, as many as there are, until the function ends: to read them again and again costs as much as sums do. */
  hold(values: readonly number[], vectors: readonly Vector[]): void {
    const distinct = [...new Set(values.map(bitsOf))];
    for (const [index, vector] of vectors.entries()) {
      const bits = distinct[index];
      if (bits === undefined) return;
      this.loadVector(vector, this.constants.inMemory(bits));
      this.constants.held.set(bits, vector);
    }
  }

  override loadVector(to: Vector, from: Operand): void {
    if (typeof from === 'number') this.moveVector(to, from);
    else super.loadVector(to, from);
  }

  /** The register that holds the operand, or `free`, into which it is read. */
  inRegister(operand: Operand, free: Vector): Vector {
    if (typeof operand === 'number') return operand;
    this.loadVector(free, operand);
    return free;
  }

  /** The integer argument at this position. */
  argument(position: number): Address {
    return { base: 'rsi', displacement: argumentPlaces.integers + 4 * position };
  }

  /** An argument that counts bytes, or rows. */
  moveArgument(to: Register, position: number): void {
    this.moveHalf(to, this.argument(position));
  }

  /** An argument that is a place in the memory, of which rdi is the base. */
  movePlace(to: Register, position: number): void {
    this.moveHalf(to, this.argument(position));
    this.add(to, 'rdi');
  }

  /** Jumps where an integer argument is 0: what it stands for is not there, or not asked for. Overwrites r10. */
  jumpIfNone(position: number, to: Label): void {
    this.moveHalf('r10', this.argument(position));
    this.compare('r10', 0);
    this.jump(to, 'equal');
  }

  /** The float argument at this position in all places. */
  broadcastFloat(to: Vector, position: number): void {
    this.broadcast(to, { base: 'rsi', displacement: argumentPlaces.floats + 4 * position });
  }

  /** The double argument at this position in all places. */
  broadcastDouble(to: Vector, position: number): void {
    this.vector(instructions.broadcastDouble, to, 0, { base: 'rsi', displacement: argumentPlaces.doubles + 8 * position });
  }

  /** The first float of a vector; overwrites r10. */
  storeFirst(to: Address, from: Vector): void {
    const own: Address = { base: 'rsi', displacement: argumentPlaces.own };
    this.storeVector(own, from);
    this.moveHalf('r10', own);
    this.storeHalf(to, 'r10');
  }

  /** What runs for offsets 0, 32 ... in r10 until they reach the bytes in a register, which are at least one vector. */
  eachVector(bytes: Register, body: () => void): void {
    this.move('r10', 0);
    const again = this.place();
    body();
    this.add('r10', vectorBytes);
    this.compare('r10', bytes);
    this.jump(again, 'below');
  }

  subtractFloats(to: Vector, left: Vector, right: Operand): void {
    this.vector(instructions.subtract, to, left, right);
  }

  divide(to: Vector, left: Vector, right: Operand): void {
    this.vector(instructions.divide, to, left, right);
  }

  /** `left` where it is less, else `right`. */
  leastOf(to: Vector, left: Vector, right: Operand): void {
    this.vector(instructions.least, to, left, right);
  }

  /** `left` where it is greater, else `right`. */
  greatestOf(to: Vector, left: Vector, right: Operand): void {
    this.vector(instructions.greatest, to, left, right);
  }

  andBits(to: Vector, left: Vector, right: Operand): void {
    this.vector(instructions.and, to, left, right);
  }

  orBits(to: Vector, left: Vector, right: Operand): void {
    this.vector(instructions.or, to, left, right);
  }

  /** All bits where it is true, none elsewhere. */
  compareFloats(to: Vector, left: Vector, predicate: keyof typeof predicates, right: Operand): void {
    this.vector(instructions.compare, to, left, right);
    this.write(predicates[predicate]);
  }

  /** `left` where the highest bit of `choice` is 0, else `right`. */
  blend(to: Vector, left: Vector, right: Vector, choice: Vector): void {
    this.vector(instructions.blend, to, left, right);
    this.write(choice << 4);
  }

  /** product = product factor + summand, rounded once. */
  multiplyThenAdd(product: Vector, factor: Vector, summand: Operand): void {
    this.vector(instructions.multiplyInPlace, product, factor, summand);
  }

  shiftIntegersLeft(to: Vector, from: Vector, bits: number): void {
    this.vector(instructions.shiftIntegers, 6, to, from);
    this.write(bits);
  }

  /** The sign fills what becomes free. */
  shiftIntegersRight(to: Vector, from: Vector, bits: number): void {
    this.vector(instructions.shiftIntegers, 4, to, from);
    this.write(bits);
  }

  /** In both halves: four lanes, named by two bits of `selection` each. */
  permuteLanes(to: Vector, from: Vector, selection: number): void {
    this.vector(instructions.permuteLanes, to, 0, from);
    this.write(selection);
  }

  /** The first float of a vector in all places. */
  broadcastFirst(to: Vector, from: Vector): void {
    this.vector(instructions.broadcast, to, 0, from);
  }

  /** Of the first four floats. */
  toDoubles(to: Vector, from: Vector): void {
    this.vector(instructions.toDoubles, to, 0, from);
  }

  /** To the first four floats. */
  fromDoubles(to: Vector, from: Vector): void {
    this.vector(instructions.fromDoubles, to, 0, from);
  }

  addDoubles(to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions.addDoubles, to, left, right);
  }

  divideDoubles(to: Vector, left: Vector, right: Vector): void {
    this.vector(instructions.divideDoubles, to, left, right);
  }

  rootOfDoubles(to: Vector, from: Vector): void {
    this.vector(instructions.rootOfDoubles, to, 0, from);
  }
}
