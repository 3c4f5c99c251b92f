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
import {
  type ForeignFunction,
  type ForeignInterface,
  MemoryAddresses,
  type PackingBlock,
  PackingRoom,
  type Structure,
  type Unavailable,
} from '../foreign.js';
import { sharedExecutableMemory } from './executable-memory.js';
import { FasterWay } from './faster-way.js';
import { vectorSupport } from './processor.js';
import { type Fetch, type ProductFunction, productCode, productFunctions, termsTogether } from './product-code.js';
import { cacheLine, type ProductSizes, productSizes } from './product-sizes.js';
import { MachineCodeSmallProducts } from './small-products.js';
import type { VectorSet } from './vector-assembler.js';

/** Decade's own products in machine code, ready to be called. */
export interface MachineCode {
  available: true;
  name: VectorSet;
  version: string;
  foreign: ForeignInterface;
  functions: Readonly<Record<ProductFunction, ForeignFunction>>;
}

const opened = new Map<VectorSet, MachineCode | Unavailable>();

/** Writes the code for these instructions, once a thread. */
export function openMachineCode(vectors: VectorSet, foreign: ForeignInterface): MachineCode | Unavailable {
  const known = opened.get(vectors) ?? open(vectors, foreign);
  opened.set(vectors, known);
  return known;
}

function open(vectors: VectorSet, foreign: ForeignInterface): MachineCode | Unavailable {
  const support = vectorSupport(vectors, foreign);
  if (!support.available) return support;
  const { code, functions } = productCode(vectors);
  const memory = sharedExecutableMemory(foreign, vectors, () => code);
  if (!memory.available) return memory;
  const bound = (name: ProductFunction) =>
    foreign.functionAt(
      memory.address + functions[name],
      'void',
      Array.from({ length: productFunctions[name] }, () => 'int64_t'),
    );
  return {
    available: true,
    name: vectors,
    version: "decade's own machine code",
    foreign,
    functions: {
      multiplyRows: bound('multiplyRows'),
      multiplyCopiedRows: bound('multiplyCopiedRows'),
      multiplyColumns: bound('multiplyColumns'),
      multiplyCopiedColumns: bound('multiplyCopiedColumns'),
      copyRows: bound('copyRows'),
      copyTiles: bound('copyTiles'),
      copyPanels: bound('copyPanels'),
      transpose: bound('transpose'),
      smallProducts: bound('smallProducts'),
    },
  };
}

/** What is used of B and of A at a time: A stays in the second-level cache, whose smallest is 256 KiB, and B in the third. */
const bytesOfB = 2 * 1024 * 1024;
const bytesOfA = 192 * 1024;
const mostTiles = 96;

/** Products by decade's own machine code, straight on the WebAssembly memory. */
export function machineCodeProvider(memory: Memory, code: MachineCode): MatrixProvider {
  return new MachineCodeProvider(memory, code);
}

/** An operand, at native addresses. */
interface Operand {
  readonly address: number;
  readonly transposed: boolean;
  /** Bytes from one row in memory to the next. */
  readonly rowBytes: number;
  /** Of A, where it is transposed: whether its columns are copied into tiles before they are read. */
  readonly copiesColumns?: boolean;
}

class MachineCodeProvider implements MatrixProvider {
  readonly name: VectorSet;
  readonly precision = 'f32';
  readonly description: string;
  readonly small: MachineCodeSmallProducts;
  readonly #memory: Memory;
  readonly #functions: MachineCode['functions'];
  readonly #sizes: ProductSizes;
  readonly #addresses: MemoryAddresses;
  readonly #room: PackingRoom;
  readonly #copied: PackingBlock;
  readonly #panels: PackingBlock;
  readonly #masks: Structure;
  readonly #columns = new FasterWay();

  constructor(memory: Memory, { name, foreign, functions, version }: MachineCode) {
    this.name = name;
    this.description = version;
    this.#memory = memory;
    this.#functions = functions;
    this.#sizes = productSizes(name);
    const { tileRows, rowPitch, tilePitch, panelColumns } = this.#sizes;
    this.#addresses = new MemoryAddresses(memory, foreign);
    this.#room = new PackingRoom(foreign);
    this.#copied = this.#room.take(mostTiles * Math.max(tileRows * rowPitch, tilePitch) + 64);
    this.#panels = this.#room.take(bytesOfB);
    // A panel's worth of -1, then one of 0.
    this.#masks = foreign.structure(8 * panelColumns);
    for (let at = 0; at < panelColumns; at++) this.#masks.view.setInt32(4 * at, -1, true);
    this.small = new MachineCodeSmallProducts({ foreign, functions }, this.#addresses, this.#sizes, (floats) => this.#mask(floats));
  }

  get externalBytes(): number {
    return this.#room.bytes;
  }

  multiply(product: MatrixProduct): void {
    const { m, n, k, transposeA } = product;
    const stride = stridesOf(product);
    if (k === 0) multiplyOverNoTerms(this.#memory, product);
    else if (!transposeA) this.#multiplyBlocks(product, stride);
    else this.#columns.run(n * 2 ** 26 + stride.a, m * n * k, (inPlace) => this.#multiplyBlocks(product, stride, !inPlace));
  }

  #multiplyBlocks(product: MatrixProduct, stride: ReturnType<typeof stridesOf>, copiesColumns?: boolean): void {
    const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
    const { base } = this.#addresses;
    const { panelColumns, blockLength } = this.#sizes;
    const left = { address: base + a, transposed: transposeA, rowBytes: 4 * stride.a, copiesColumns };
    const right = { address: base + b, transposed: transposeB, rowBytes: 4 * stride.b };
    const longest = equalPieces(k, blockLength);
    const widest = Math.floor(bytesOfB / (4 * panelColumns * longest)) * panelColumns;
    for (let column = 0; column < n; column += widest) {
      const columns = Math.min(widest, n - column);
      for (let term = 0; term < k; term += longest) {
        const length = Math.min(longest, k - term);
        this.#copyIntoPanels(this.#panels.address, elementOf(right, term, column), columns, length);
        const result = { address: base + c + 4 * column, rowBytes: 4 * stride.c, accumulate: accumulate || term > 0 };
        const next = elementOf(left, 0, term + longest < k ? term + longest : 0);
        this.#multiplyPanels(elementOf(left, 0, term), m, this.#panels.address, columns, length, result, next);
      }
    }
  }

  pack(matrix: RightMatrix): PackedMatrix {
    const { n, k, b, transposeB } = matrix;
    const right = { address: this.#addresses.base + b, transposed: transposeB, rowBytes: 4 * strideOfB(matrix) };
    const { panelColumns, blockLength } = this.#sizes;
    const panelled = Math.ceil(n / panelColumns) * panelColumns;
    const block = this.#room.take(4 * panelled * k);
    const longest = equalPieces(k, blockLength);
    for (let term = 0; term < k; term += longest) {
      this.#copyIntoPanels(block.address + 4 * panelled * term, elementOf(right, term, 0), n, Math.min(longest, k - term));
    }
    return {
      multiply: (packed) => {
        const product = productOf(matrix, packed);
        const { m, a, c, accumulate } = product;
        const stride = stridesOf(product);
        if (k === 0) {
          multiplyOverNoTerms(this.#memory, product);
          return;
        }
        const { base } = this.#addresses;
        const left = { address: base + a, transposed: false, rowBytes: 4 * stride.a };
        for (let term = 0; term < k; term += longest) {
          const result = { address: base + c, rowBytes: 4 * stride.c, accumulate: accumulate || term > 0 };
          const panels = block.address + 4 * panelled * term;
          this.#multiplyPanels(elementOf(left, 0, term), m, panels, n, Math.min(longest, k - term), result);
        }
      },
      release: () => this.#room.give(block),
    };
  }

  dispose(): void {
    this.#room.clear();
  }

  /** `length` rows and `columns` columns of B. */
  #copyIntoPanels(to: number, { address, transposed, rowBytes }: Operand, columns: number, length: number): void {
    const { copyPanels, transpose } = this.#functions;
    const { panelColumns, vectorFloats } = this.#sizes;
    if (!transposed) {
      const panels = Math.ceil(columns / panelColumns);
      copyPanels(address, to, length, panels, rowBytes, this.#mask(columns - panelColumns * (panels - 1)));
      return;
    }
    transpose(address, to, length, rowBytes, columns, this.#mask(length % vectorFloats));
  }

  /** `rows` rows and `length` columns of A by panels of B, in blocks of rows that stay in the cache. `next`: of A, what comes then. */
  #multiplyPanels(left: Operand, rows: number, panels: number, columns: number, length: number, result: Result, next?: Operand): void {
    const { tileRows, panelColumns } = this.#sizes;
    const { multiplyRows, multiplyCopiedRows, multiplyColumns, multiplyCopiedColumns } = this.#functions;
    const most = Math.min(mostTiles, Math.floor(bytesOfA / (4 * tileRows * length))) * tileRows;
    const highest = Math.ceil(rows / Math.ceil(rows / most) / tileRows) * tileRows;
    const count = Math.ceil(columns / panelColumns);
    const rest = columns % panelColumns;
    const lastMask = rest === 0 ? 0 : this.#mask(rest);
    const accumulate = result.accumulate ? 1 : 0;
    for (let row = 0; row < rows; row += highest) {
      const many = Math.min(highest, rows - row);
      const { address } = elementOf(left, row, 0);
      const following = row + highest < rows ? elementOf(left, row + highest, 0) : next;
      const run = (multiply: ForeignFunction, a: number) => {
        const c = result.address + row * result.rowBytes;
        const { from, step, nextTile, tiles } = following === undefined ? nothing : fetchOf(following, highest);
        multiply(a, panels, c, many, count, length, result.rowBytes, lastMask, accumulate, left.rowBytes, from, step, nextTile, tiles);
      };
      if (left.transposed && left.copiesColumns) {
        this.#copyTiles(address, left.rowBytes, many, length);
        run(multiplyCopiedColumns, this.#copied.address);
      } else if (left.transposed) {
        run(multiplyColumns, address);
      } else if (left.rowBytes % crowdedRowBytes !== 0 || many === 1) {
        run(multiplyRows, address);
      } else {
        this.#copyRows(address, left.rowBytes, many, length);
        run(multiplyCopiedRows, this.#copied.address);
      }
    }
  }

  #copyRows(from: number, rowBytes: number, rows: number, length: number): void {
    const { vectorFloats, rowPitch } = this.#sizes;
    const rest = length % vectorFloats;
    const vectors = (length - rest) / vectorFloats;
    this.#functions.copyRows(from, this.#copied.address, rows, vectors, rowBytes, rowPitch, rest, this.#mask(rest));
  }

  /** Columns of A, as many as the product has rows. */
  #copyTiles(from: number, rowBytes: number, columns: number, length: number): void {
    const { tileRows } = this.#sizes;
    const tiles = Math.ceil(columns / tileRows);
    this.#functions.copyTiles(from, this.#copied.address, length, tiles, rowBytes, this.#mask(columns - tileRows * (tiles - 1)));
  }

  /** The address of integers of which so many are -1 and the rest 0. */
  #mask(floats: number): number {
    return this.#masks.address + 4 * (this.#sizes.panelColumns - floats);
  }
}

/** Rows so far apart meet in two of the 64 sets of a first-level cache. */
const crowdedRowBytes = 2048;

/** Where a product goes. */
interface Result {
  readonly address: number;
  readonly rowBytes: number;
  readonly accumulate: boolean;
}

/** The part of an operand that begins at this row and column of the matrix. */
function elementOf(matrix: Operand, row: number, column: number): Operand {
  const [inMemory, along] = matrix.transposed ? [column, row] : [row, column];
  return { ...matrix, address: matrix.address + inMemory * matrix.rowBytes + 4 * along };
}

const nothing: Fetch = { from: 0, step: 0, nextTile: 0, tiles: 0 };

/**
 * So many rows of A: where a row's terms lie together, each tile fetches one; where they lie in rows of the memory, it fetches one line of
 * every fourth of these, and four tiles come to a line of each.
 */
function fetchOf({ address, transposed, rowBytes }: Operand, rows: number): Fetch {
  if (!transposed) return { from: address, step: 4 * termsTogether, nextTile: rowBytes, tiles: rows };
  const lines = Math.ceil((4 * rows) / cacheLine) + 1;
  return { from: address, step: termsTogether * rowBytes, nextTile: rowBytes + cacheLine / termsTogether, tiles: termsTogether * lines };
}

/** The length of equal pieces of at most `longest`, in whole vectors. */
function equalPieces(length: number, longest: number): number {
  const count = Math.ceil(length / longest);
  return count === 1 ? length : Math.ceil(length / count / 16) * 16;
}
