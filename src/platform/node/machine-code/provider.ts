import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../../../tensor/matrix.js';
import type { Memory } from '../../../tensor/memory.js';
import {
  type ForeignFunction,
  type ForeignInterface,
  MemoryAddresses,
  type PackingBlock,
  PackingRoom,
  type Structure,
  type Unavailable,
} from '../native/foreign.js';
import type { VectorSet } from './assembler.js';
import { executableMemory } from './executable-memory.js';
import { vectorSupport } from './processor.js';
import { type ProductFunction, type ProductSizes, productCode, productFunctions, productSizes } from './product-code.js';

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
  const memory = executableMemory(foreign, code);
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
      multiplyColumns: bound('multiplyColumns'),
      copyRows: bound('copyRows'),
      copyTiles: bound('copyTiles'),
      copyPanels: bound('copyPanels'),
      transpose: bound('transpose'),
      scatter: bound('scatter'),
    },
  };
}

/** What is copied of B and of A at a time: together they fit into a second-level cache of 2 MiB. */
const bytesOfB = 512 * 1024;
const bytesOfA = 1536 * 1024;
const mostTiles = 96;
/** Tiles that are cut out of the rows of a transposed A in one pass over them. */
const tilesAtOnce = 16;

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
}

class MachineCodeProvider implements MatrixProvider {
  readonly name: VectorSet;
  readonly precision = 'f32';
  readonly description: string;
  readonly #functions: MachineCode['functions'];
  readonly #sizes: ProductSizes;
  readonly #addresses: MemoryAddresses;
  readonly #room: PackingRoom;
  readonly #tiles: PackingBlock;
  readonly #panels: PackingBlock;
  readonly #masks: Structure;

  constructor(memory: Memory, { name, foreign, functions, version }: MachineCode) {
    this.name = name;
    this.description = version;
    this.#functions = functions;
    this.#sizes = productSizes(name);
    this.#addresses = new MemoryAddresses(memory, foreign);
    this.#room = new PackingRoom(foreign);
    this.#tiles = this.#room.take(mostTiles * this.#sizes.tileBytes);
    this.#panels = this.#room.take(bytesOfB);
    // A panel's worth of -1, then one of 0.
    const { panelColumns } = this.#sizes;
    this.#masks = foreign.structure(8 * panelColumns);
    for (let at = 0; at < panelColumns; at++) this.#masks.view.setInt32(4 * at, -1, true);
  }

  get externalBytes(): number {
    return this.#room.bytes;
  }

  multiply({ m, n, k, a, transposeA, b, transposeB, c, accumulate }: MatrixProduct): void {
    const { base } = this.#addresses;
    const left = { address: base + a, transposed: transposeA, rowBytes: 4 * (transposeA ? m : k) };
    const right = { address: base + b, transposed: transposeB, rowBytes: 4 * (transposeB ? k : n) };
    const { panelColumns, blockLength } = this.#sizes;
    const longest = equalPieces(k, blockLength);
    const widest = Math.floor(bytesOfB / (4 * panelColumns * longest)) * panelColumns;
    const highest = this.#rowsAtOnce(longest);
    const staysCopied = m <= highest && k <= longest;
    for (let column = 0; column < n; column += widest) {
      const columns = Math.min(widest, n - column);
      for (let term = 0; term < k; term += longest) {
        const length = Math.min(longest, k - term);
        this.#copyIntoPanels(this.#panels.address, elementOf(right, term, column), columns, length);
        for (let row = 0; row < m; row += highest) {
          const rows = Math.min(highest, m - row);
          if (!staysCopied || column === 0) this.#copyIntoTiles(elementOf(left, row, term), rows, length);
          const result = base + c + 4 * (row * n + column);
          this.#multiplyBlock(transposeA, this.#panels.address, result, rows, columns, length, n, accumulate || term > 0);
        }
      }
    }
  }

  pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    const right = { address: this.#addresses.base + b, transposed: transposeB, rowBytes: 4 * (transposeB ? k : n) };
    const { panelColumns, blockLength } = this.#sizes;
    const panelled = Math.ceil(n / panelColumns) * panelColumns;
    const block = this.#room.take(4 * panelled * k);
    const longest = equalPieces(k, blockLength);
    for (let term = 0; term < k; term += longest) {
      this.#copyIntoPanels(block.address + 4 * panelled * term, elementOf(right, term, 0), n, Math.min(longest, k - term));
    }
    return {
      n,
      k,
      multiply: (m, a, c, accumulate) => {
        const { base } = this.#addresses;
        const left = { address: base + a, transposed: false, rowBytes: 4 * k };
        const highest = this.#rowsAtOnce(longest);
        for (let row = 0; row < m; row += highest) {
          const rows = Math.min(highest, m - row);
          for (let term = 0; term < k; term += longest) {
            const length = Math.min(longest, k - term);
            this.#copyIntoTiles(elementOf(left, row, term), rows, length);
            const panels = block.address + 4 * panelled * term;
            this.#multiplyBlock(false, panels, base + c + 4 * row * n, rows, n, length, n, accumulate || term > 0);
          }
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
    const { copyPanels, transpose, scatter } = this.#functions;
    const { panelColumns, vectorFloats } = this.#sizes;
    const panelBytes = 4 * panelColumns * length;
    if (!transposed) {
      const whole = Math.floor(columns / panelColumns);
      if (whole > 0) copyPanels(address, to, length, whole, rowBytes, this.#mask(panelColumns));
      const rest = columns - whole * panelColumns;
      if (rest > 0) copyPanels(address + 4 * panelColumns * whole, to + panelBytes * whole, length, 1, rowBytes, this.#mask(rest));
      return;
    }
    for (let column = 0; column < columns; ) {
      const from = address + column * rowBytes;
      const place = to + panelBytes * Math.floor(column / panelColumns) + 4 * (column % panelColumns);
      if (column + vectorFloats <= columns) {
        transpose(from, place, length, rowBytes, 4 * panelColumns, this.#mask(length % vectorFloats));
        column += vectorFloats;
      } else {
        scatter(from, place, length, 4 * panelColumns);
        column++;
      }
    }
  }

  /** `rows` rows and `length` columns of A. */
  #copyIntoTiles({ address, transposed, rowBytes }: Operand, rows: number, length: number): void {
    const { copyRows, copyTiles } = this.#functions;
    const { tileRows, tileBytes, rowPitch, vectorFloats } = this.#sizes;
    const tiles = this.#tiles.address;
    if (!transposed) {
      const rest = length % vectorFloats;
      copyRows(address, tiles, rows, Math.floor(length / vectorFloats), rowBytes, rowPitch, rest, this.#mask(rest));
      return;
    }
    const whole = Math.floor(rows / tileRows);
    for (let tile = 0; tile < whole; tile += tilesAtOnce) {
      const count = Math.min(tilesAtOnce, whole - tile);
      copyTiles(address + 4 * tileRows * tile, tiles + tileBytes * tile, length, count, rowBytes, this.#mask(tileRows));
    }
    const rest = rows - whole * tileRows;
    if (rest > 0) copyTiles(address + 4 * tileRows * whole, tiles + tileBytes * whole, length, 1, rowBytes, this.#mask(rest));
  }

  /** The tiles that were copied last, by panels; `width` floats lie from one row of C to the next. */
  #multiplyBlock(
    columnsOfA: boolean,
    panels: number,
    c: number,
    rows: number,
    columns: number,
    length: number,
    width: number,
    accumulate: boolean,
  ): void {
    const { panelColumns } = this.#sizes;
    const run = columnsOfA ? this.#functions.multiplyColumns : this.#functions.multiplyRows;
    const count = Math.ceil(columns / panelColumns);
    const last = columns - (count - 1) * panelColumns;
    run(this.#tiles.address, panels, c, rows, count, length, 4 * width, this.#mask(panelColumns), this.#mask(last), accumulate ? 1 : 0);
  }

  #rowsAtOnce(length: number): number {
    const { tileRows } = this.#sizes;
    return tileRows * Math.min(mostTiles, Math.floor(bytesOfA / (4 * tileRows * length)));
  }

  /** The address of integers of which so many are -1 and the rest 0. */
  #mask(floats: number): number {
    return this.#masks.address + 4 * (this.#sizes.panelColumns - floats);
  }
}

/** The part of an operand that begins at this row and column of the matrix. */
function elementOf({ address, transposed, rowBytes }: Operand, row: number, column: number): Operand {
  const [inMemory, along] = transposed ? [column, row] : [row, column];
  return { address: address + inMemory * rowBytes + 4 * along, transposed, rowBytes };
}

/** The length of equal pieces of at most `longest`, in whole vectors. */
function equalPieces(length: number, longest: number): number {
  const count = Math.ceil(length / longest);
  return count === 1 ? length : Math.ceil(length / count / 16) * 16;
}
