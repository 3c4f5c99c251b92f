import type { RightMatrix } from '../../tensor/matrix.js';
import type { PackingBlock, PackingRoom, Structure } from '../foreign.js';
import { bindFunctions, type Description, type Functions, type OneDnnLibrary } from './onednn-library.js';
import { SignalGuard } from './signal-guard.js';

// Constants of oneapi/dnnl/dnnl_types.h, the same in versions 2 and 3.
const cpuEngine = 1;
const inOrderStream = 1;
const weightsDescription = 131;
const sourceArgument = 1;
const weightsArgument = 33;
const destinationArgument = 17;

/** Primitives for products of distinct sizes that are kept ready, each about 100 KiB of generated code, and as many conversions. */
const keptPrimitives = 192;
/** Rows for which the layout of packed weights is chosen. */
const typicalRows = 64;

/** How a matrix B lies: as [k, n], as [n, k], or in the blocks that the library likes best. */
export type OperandLayout = 'rows' | 'columns' | 'blocks';

/** What a product primitive is made for: C [m, n] = A [m, k] B [k, n]. */
export interface ProductForm {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A lies as [k, m]. */
  readonly transposeA: boolean;
  readonly b: OperandLayout;
  /** Floats from one row of C to the next. */
  readonly strideC: number;
  readonly accumulate: boolean;
}

/**
 * One thread's oneDNN: its matmul and reorder primitives, made when first wanted. Operands of products are bfloat16, their sums and
 * results 32-bit floats. All addresses are native ones.
 */
export class OneDnnEngine {
  readonly #functions: Functions;
  readonly #signals: SignalGuard;
  readonly #engine: number;
  readonly #stream: number;
  readonly #sumAttribute: number;
  readonly #blocks = new Map<string, BlockLayout>();
  /** In the order of last use, as products. */
  readonly #conversions = new Map<string, Prepared>();
  readonly #products = new Map<string, Prepared>();

  constructor(library: OneDnnLibrary) {
    const functions = bindFunctions(library);
    this.#functions = functions;
    this.#signals = new SignalGuard(library.foreign);
    this.#engine = functions.made('dnnl_engine_create', cpuEngine, 0);
    this.#stream = functions.made('dnnl_stream_create', this.#engine, inOrderStream);
    this.#sumAttribute = functions.sumAttribute();
  }

  multiply(form: ProductForm, a: number, b: number, c: number): void {
    this.#run(this.#product(form), a, b, c);
  }

  /** B, 32-bit floats as [k, n] (or [n, k] when `transposeB`) at `address`, in the blocks that the library likes best. */
  pack({ n, k, transposeB }: RightMatrix, stride: number, address: number, room: PackingRoom): PackingBlock {
    const functions = this.#functions;
    const packed = this.#blockLayout(n, k);
    const conversion = this.#prepared(this.#conversions, `${n} ${k} ${transposeB} ${stride}`, () => {
      const from = transposeB ? functions.columnMajor(k, n, 'f32', stride) : functions.rowMajor(k, n, 'f32', stride);
      const made = this.#conversion(from, packed);
      functions.free(from);
      return made;
    });
    const block = room.take(packed.bytes);
    this.#run(conversion, address, block.address);
    return block;
  }

  /** Rows of 32-bit floats, `stride` from one to the next, as bfloat16, one row after another. */
  convert(from: number, stride: number, to: number, rows: number, columns: number): void {
    if (stride === columns) this.#convertRows(from, rows * columns, to, 1, rows * columns);
    else this.#convertRows(from, stride, to, rows, columns);
  }

  /** In pieces of few sizes, so that few primitives serve all counts. */
  #convertRows(from: number, stride: number, to: number, rows: number, columns: number): void {
    const functions = this.#functions;
    for (let row = 0; row < rows; ) {
      const many = pieceOf(rows - row);
      for (let column = 0; column < columns; ) {
        const wide = pieceOf(columns - column);
        const conversion = this.#prepared(this.#conversions, `${many} ${wide} ${stride} ${columns}`, () => {
          const [source, target] = [functions.rowMajor(many, wide, 'f32', stride), functions.rowMajor(many, wide, 'bf16', columns)];
          const made = this.#conversion(source, target);
          functions.free(source);
          functions.free(target);
          return made;
        });
        this.#run(conversion, from + (row * stride + column) * bytesOf.f32, to + (row * columns + column) * bytesOf.bf16);
        column += wide;
      }
      row += many;
    }
  }

  #conversion(from: Description, to: Description): Prepared {
    return this.#prepare(this.#functions.reorderDescription(this.#engine, from.address, to.address), [
      [sourceArgument, from],
      [destinationArgument, to],
    ]);
  }

  #product(form: ProductForm): Prepared {
    const { m, n, k, transposeA, b, strideC, accumulate } = form;
    return this.#prepared(this.#products, `${m} ${n} ${k} ${transposeA} ${b} ${strideC} ${accumulate}`, () => {
      const functions = this.#functions;
      const left = transposeA ? functions.columnMajor(m, k, 'bf16') : functions.rowMajor(m, k, 'bf16');
      const right = b === 'blocks' ? this.#blockLayout(n, k) : functions[b === 'rows' ? 'rowMajor' : 'columnMajor'](k, n, 'bf16');
      const result = functions.rowMajor(m, n, 'f32', strideC);
      const description = functions.productDescription(this.#engine, left, right, result, accumulate ? this.#sumAttribute : 0);
      const made = this.#prepare(description, [
        [sourceArgument, left],
        [weightsArgument, right],
        [destinationArgument, result],
      ]);
      functions.free(left);
      if (b !== 'blocks') functions.free(right);
      functions.free(result);
      return made;
    });
  }

  /** The layout that the library likes best for these weights. */
  #blockLayout(n: number, k: number): BlockLayout {
    const key = `${n} ${k}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const { productDescription, anyLayout, rowMajor, query, bytesOf: sizeOf, free } = this.#functions;
    const matrices = [rowMajor(typicalRows, k, 'bf16'), anyLayout(k, n, 'bf16'), rowMajor(typicalRows, n)] as const;
    const owner = productDescription(this.#engine, ...matrices, 0);
    for (const matrix of matrices) free(matrix);
    const address = query(owner, weightsDescription, 0);
    const layout = { owner, address, bytes: sizeOf(address) };
    this.#blocks.set(key, layout);
    return layout;
  }

  #prepared(known: Map<string, Prepared>, key: string, make: () => Prepared): Prepared {
    const found = known.get(key) ?? make();
    known.delete(key);
    known.set(key, found);
    for (const [oldest, unused] of known) {
      if (known.size <= keptPrimitives) break;
      known.delete(oldest);
      this.#end(unused);
    }
    return found;
  }

  #prepare(description: number, operands: readonly (readonly [argument: number, description: Description])[]): Prepared {
    const functions = this.#functions;
    const list = functions.argumentList(operands.length);
    const memories = operands.map(([argument, { address }], position) => {
      const memory = functions.made('dnnl_memory_create', address, this.#engine, 0);
      setArgument(list, position, argument, memory);
      return memory;
    });
    return { primitive: functions.primitive(description), memories, arguments: list };
  }

  #run({ primitive, memories, arguments: list }: Prepared, ...addresses: number[]): void {
    const [functions, signals] = [this.#functions, this.#signals];
    for (const [position, memory] of memories.entries()) functions.setHandle(memory, addresses[position] as number);
    signals.hold();
    const status = functions.execute(primitive, this.#stream, memories.length, list.address);
    signals.release();
    functions.check('dnnl_primitive_execute', status);
  }

  #end({ primitive, memories }: Prepared): void {
    this.#functions.destroy('dnnl_primitive_destroy', primitive);
    for (const memory of memories) this.#functions.destroy('dnnl_memory_destroy', memory);
  }

  dispose(): void {
    const { destroy } = this.#functions;
    for (const known of [this.#products, this.#conversions]) {
      for (const prepared of known.values()) this.#end(prepared);
      known.clear();
    }
    for (const { owner } of this.#blocks.values()) destroy('dnnl_primitive_desc_destroy', owner);
    this.#blocks.clear();
    destroy('dnnl_primitive_attr_destroy', this.#sumAttribute);
    destroy('dnnl_stream_destroy', this.#stream);
    destroy('dnnl_engine_destroy', this.#engine);
  }
}

const bytesOf = { f32: 4, bf16: 2 } as const;
const longestConversion = 2 ** 18;

/** The greatest power of two that is not above the count. */
function pieceOf(count: number): number {
  return Math.min(longestConversion, 2 ** Math.floor(Math.log2(count)));
}

/** A primitive and the library's objects for its operands, whose addresses are set before each run. */
interface Prepared {
  readonly primitive: number;
  readonly memories: readonly number[];
  readonly arguments: Structure;
}

interface BlockLayout extends Description {
  /** The description of a product, which owns this one. */
  readonly owner: number;
  readonly bytes: number;
}

/** An entry of `dnnl_exec_arg_t[]`: { int argument; dnnl_memory_t memory; } */
function setArgument({ view }: Structure, position: number, argument: number, memory: number): void {
  view.setInt32(16 * position, argument, true);
  view.setUint32(16 * position + 8, memory % 2 ** 32, true);
  view.setUint32(16 * position + 12, Math.floor(memory / 2 ** 32), true);
}
