import type { PackingBlock, PackingRoom, Structure } from '../foreign.js';
import { bindFunctions, type Description, type ElementType, type Functions, type OneDnnLibrary } from './onednn-library.js';
import { SignalGuard } from './signal-guard.js';

// Constants of oneapi/dnnl/dnnl_types.h, the same in versions 2 and 3.
const cpuEngine = 1;
const inOrderStream = 1;
const weightsDescription = 131;
const sourceArgument = 1;
const weightsArgument = 33;
const destinationArgument = 17;

/** Products of distinct sizes that are kept ready, each about 100 KiB of generated code. */
const keptProducts = 192;
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
  readonly accumulate: boolean;
}

/**
 * One thread's oneDNN: its matmul and reorder primitives, made when first wanted. Operands of products are of one type,
 * their sums and results 32-bit floats. All addresses are native ones.
 */
export class OneDnnEngine {
  readonly functions: Functions;
  readonly signals: SignalGuard;
  readonly #type: ElementType;
  readonly #engine: number;
  readonly #stream: number;
  readonly #sumAttribute: number;
  readonly #blocks = new Map<string, BlockLayout>();
  readonly #conversions = new Map<string, Prepared>();
  /** In the order of last use. */
  readonly #products = new Map<string, Prepared>();

  constructor(library: OneDnnLibrary, type: ElementType) {
    const functions = bindFunctions(library);
    // OpenMP's number of threads belongs to the calling thread.
    library.library.optional('omp_set_num_threads', 'void', ['int'])?.(1);
    this.functions = functions;
    this.signals = new SignalGuard(library.foreign);
    this.#type = type;
    this.#engine = functions.made('dnnl_engine_create', cpuEngine, 0);
    this.#stream = functions.made('dnnl_stream_create', this.#engine, inOrderStream);
    this.#sumAttribute = functions.sumAttribute();
  }

  multiply(form: ProductForm, a: number, b: number, c: number): void {
    this.#run(this.#product(form), a, b, c);
  }

  /** B, 32-bit floats as [k, n] (or [n, k] when `transposeB`), in another layout and the type of operands. */
  pack(n: number, k: number, b: number, transposeB: boolean, layout: 'rows' | 'blocks', room: PackingRoom): PackingBlock {
    const { functions } = this;
    const packed = layout === 'blocks' ? this.#blockLayout(n, k) : undefined;
    const conversion = this.#prepared(this.#conversions, `${n} ${k} ${transposeB} ${layout}`, () => {
      const from = transposeB ? functions.columnMajor(k, n) : functions.rowMajor(k, n);
      const to = packed ?? functions.rowMajor(k, n, this.#type);
      const made = this.#conversion(from, to);
      functions.free(from);
      if (packed === undefined) functions.free(to);
      return made;
    });
    const block = room.take(packed?.bytes ?? n * k * bytesOf[this.#type]);
    this.#run(conversion, b, block.address);
    return block;
  }

  /** `count` 32-bit floats as elements of the type of operands. */
  convert(from: number, to: number, count: number): void {
    const { functions } = this;
    // In pieces of few sizes, so that few primitives serve all counts.
    for (let at = 0; at < count; ) {
      const piece = Math.min(longestConversion, 2 ** Math.floor(Math.log2(count - at)));
      const conversion = this.#prepared(this.#conversions, `${piece}`, () => {
        const [wide, narrow] = [functions.rowMajor(1, piece), functions.rowMajor(1, piece, this.#type)];
        const made = this.#conversion(wide, narrow);
        functions.free(wide);
        functions.free(narrow);
        return made;
      });
      this.#run(conversion, from + at * bytesOf.f32, to + at * bytesOf[this.#type]);
      at += piece;
    }
  }

  #conversion(from: Description, to: Description): Prepared {
    return this.#prepare(this.functions.reorderDescription(this.#engine, from.address, to.address), [
      [sourceArgument, from],
      [destinationArgument, to],
    ]);
  }

  #product(form: ProductForm): Prepared {
    const { m, n, k, transposeA, b, accumulate } = form;
    const product = this.#prepared(this.#products, `${m} ${n} ${k} ${transposeA} ${b} ${accumulate}`, () => {
      const { functions } = this;
      const left = transposeA ? functions.columnMajor(m, k, this.#type) : functions.rowMajor(m, k, this.#type);
      const right = b === 'blocks' ? this.#blockLayout(n, k) : functions[b === 'rows' ? 'rowMajor' : 'columnMajor'](k, n, this.#type);
      const result = functions.rowMajor(m, n);
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
    for (const [oldest, unused] of this.#products) {
      if (this.#products.size <= keptProducts) break;
      this.#products.delete(oldest);
      this.#end(unused);
    }
    return product;
  }

  /** The layout that the library likes best for these weights. */
  #blockLayout(n: number, k: number): BlockLayout {
    const key = `${n} ${k}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const { productDescription, anyLayout, rowMajor, query, bytesOf: sizeOf, free } = this.functions;
    const matrices = [rowMajor(typicalRows, k, this.#type), anyLayout(k, n, this.#type), rowMajor(typicalRows, n)] as const;
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
    return found;
  }

  #prepare(description: number, operands: readonly (readonly [argument: number, description: Description])[]): Prepared {
    const { functions } = this;
    const list = functions.argumentList(operands.length);
    const memories = operands.map(([argument, { address }], position) => {
      const memory = functions.made('dnnl_memory_create', address, this.#engine, 0);
      setArgument(list, position, argument, memory);
      return memory;
    });
    return { primitive: functions.primitive(description), memories, arguments: list };
  }

  #run({ primitive, memories, arguments: list }: Prepared, ...addresses: number[]): void {
    const { functions, signals } = this;
    for (const [position, memory] of memories.entries()) functions.setHandle(memory, addresses[position] as number);
    signals.hold();
    const status = functions.execute(primitive, this.#stream, memories.length, list.address);
    signals.release();
    functions.check('dnnl_primitive_execute', status);
  }

  #end({ primitive, memories }: Prepared): void {
    this.functions.destroy('dnnl_primitive_destroy', primitive);
    for (const memory of memories) this.functions.destroy('dnnl_memory_destroy', memory);
  }

  dispose(): void {
    const { destroy } = this.functions;
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

const bytesOf = { f32: 4, bf16: 2 } as const satisfies { [type in ElementType]: number };
const longestConversion = 2 ** 18;

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
