import {
  type MatrixProduct,
  type MatrixProvider,
  multiplyOverNoTerms,
  type PackedMatrix,
  productOf,
  type RightMatrix,
  strideOfB,
  stridesOf,
} from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { type ForeignInterface, MemoryAddresses, PackingRoom } from '../foreign.js';
import { OneDnnEngine } from './onednn-engine.js';
import type { OneDnnLibrary } from './onednn-library.js';

/** Bit of `dnnl_cpu_isa_t`: AVX512_BF16, which AMX includes (dnnl_types.h). */
const bfloat16Instructions = 0x80;
/** Sums over the rows of a batch are padded with zeros to whole multiples, so that few primitives serve all batches. */
const rowUnit = 32;

/** Whether the library computes in bfloat16 with instructions for it, not by imitation; undefined where it cannot tell. */
export function hasBfloat16Instructions({ library }: OneDnnLibrary): boolean | undefined {
  if (process.arch !== 'x64') return undefined;
  const instructions = library.optional('dnnl_get_effective_cpu_isa', 'int', [])?.();
  return instructions === undefined ? undefined : (instructions & bfloat16Instructions) !== 0;
}

/**
 * Products of 32-bit floats that are rounded to bfloat16 (8 bits of precision) and summed as 32-bit floats, by oneDNN.
 * Each thread makes its own.
 */
export function bfloat16Provider(memory: Memory, library: OneDnnLibrary): MatrixProvider {
  return new Bfloat16Provider(memory, library);
}

class Bfloat16Provider implements MatrixProvider {
  readonly name = 'onednn';
  readonly precision = 'bf16';
  readonly description: string;
  readonly #memory: Memory;
  readonly #engine: OneDnnEngine;
  readonly #addresses: MemoryAddresses;
  readonly #room: PackingRoom;
  readonly #left: ConvertedMatrix;
  readonly #right: ConvertedMatrix;

  constructor(memory: Memory, library: OneDnnLibrary) {
    this.description = `${library.version}, ${library.path}, bfloat16`;
    this.#memory = memory;
    this.#engine = new OneDnnEngine(library);
    this.#addresses = new MemoryAddresses(memory, library.foreign);
    this.#room = new PackingRoom(library.foreign);
    this.#left = new ConvertedMatrix(this.#engine, library.foreign);
    this.#right = new ConvertedMatrix(this.#engine, library.foreign);
  }

  get externalBytes(): number {
    return this.#room.bytes + this.#left.bytes + this.#right.bytes;
  }

  multiply(product: MatrixProduct): void {
    const { m, n, k, a, transposeA, b, transposeB, c, accumulate, sameA } = product;
    const stride = stridesOf(product);
    if (k === 0) {
      multiplyOverNoTerms(this.#memory, product);
      return;
    }
    const { base } = this.#addresses;
    if (transposeA) this.#left.hold(base + a, stride.a, k, m, sameA);
    else this.#left.hold(base + a, stride.a, m, k, sameA);
    if (transposeB) this.#right.hold(base + b, stride.b, n, k);
    else this.#right.hold(base + b, stride.b, k, n);
    let length = k;
    if (transposeA && !transposeB) {
      length = Math.ceil(k / rowUnit) * rowUnit;
      this.#left.padRows(length);
      this.#right.padRows(length);
    }
    const form = { m, n, k: length, transposeA, b: transposeB ? 'columns' : 'rows', strideC: stride.c, accumulate } as const;
    this.#engine.multiply(form, this.#left.address, this.#right.address, base + c);
  }

  pack(right: RightMatrix): PackedMatrix {
    const { n, k, b } = right;
    const block = this.#engine.pack(right, strideOfB(right), this.#addresses.base + b, this.#room);
    return {
      multiply: (product) => {
        const { m, a, c, accumulate } = product;
        const stride = stridesOf(productOf(right, product));
        const { base } = this.#addresses;
        this.#left.hold(base + a, stride.a, m, k);
        const form = { m, n, k, transposeA: false, b: 'blocks', strideC: stride.c, accumulate } as const;
        this.#engine.multiply(form, this.#left.address, block.address, base + c);
      },
      release: () => this.#room.give(block),
    };
  }

  dispose(): void {
    this.#room.clear();
    this.#engine.dispose();
  }
}

/** Room for one matrix at a time in bfloat16, rows one after another; grows to the largest. */
class ConvertedMatrix {
  readonly #engine: OneDnnEngine;
  readonly #foreign: ForeignInterface;
  #buffer = new SharedArrayBuffer(0);
  #start = 0;
  #from = 0;
  #stride = 0;
  #rows = 0;
  #columns = 0;
  /** Of the first element. */
  address = 0;

  constructor(engine: OneDnnEngine, foreign: ForeignInterface) {
    this.#engine = engine;
    this.#foreign = foreign;
  }

  get bytes(): number {
    return this.#buffer.byteLength;
  }

  /** Converts a matrix of 32-bit floats at a native address, `stride` from one row to the next, unless it is the one held and `unchanged` since. */
  hold(from: number, stride: number, rows: number, columns: number, unchanged = false): void {
    const isHeld = from === this.#from && stride === this.#stride && rows === this.#rows && columns === this.#columns;
    if (unchanged && isHeld) return;
    const bytes = 2 * (rows + rowUnit) * columns;
    if (this.#start + bytes > this.#buffer.byteLength) {
      this.#buffer = new SharedArrayBuffer(bytes + 64);
      const address = this.#foreign.address(new Uint8Array(this.#buffer));
      this.address = Math.ceil(address / 64) * 64;
      this.#start = this.address - address;
    }
    this.#engine.convert(from, stride, this.address, rows, columns);
    [this.#from, this.#stride, this.#rows, this.#columns] = [from, stride, rows, columns];
  }

  /** Rows of zeros after those that are held, up to `rows`; at most `rowUnit`. */
  padRows(rows: number): void {
    if (rows === this.#rows) return;
    const columns = 2 * this.#columns;
    new Uint8Array(this.#buffer, this.#start + this.#rows * columns, (rows - this.#rows) * columns).fill(0);
  }
}
