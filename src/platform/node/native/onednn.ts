import { DecadeError } from '../../../core/errors.js';
import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../../../tensor/matrix.js';
import type { Memory } from '../../../tensor/memory.js';
import {
  type ForeignFunction,
  type ForeignInterface,
  MemoryAddresses,
  NativeLibrary,
  type PackingBlock,
  PackingRoom,
  type Structure,
  type Unavailable,
} from './foreign.js';
import { SignalGuard } from './signal-guard.js';

/**
 * How a weight matrix that is used many times is kept: `plain`, as rows of [k, n] for `dnnl_sgemm` (where it is, or
 * transposed into a copy); or `blocks`, in the layout that the matmul primitive likes best.
 */
export type OneDnnPacking = 'plain' | 'blocks';
export const oneDnnPackings: readonly OneDnnPacking[] = ['plain', 'blocks'];

/** oneDNN, loaded. `version` 2 and 3 differ in how descriptions of matrices and products are passed. */
export interface OneDnnLibrary {
  available: true;
  name: 'onednn';
  path: string;
  version: string;
  foreign: ForeignInterface;
  library: NativeLibrary;
  major: 2 | 3;
}

// Constants of oneapi/dnnl/dnnl_types.h, the same in versions 2 and 3.
const cpuEngine = 1;
const inOrderStream = 1;
const float32 = 3;
const anyFormat = 1;
const weightsDescription = 131;
const sourceArgument = 1;
const weightsArgument = 33;
const destinationArgument = 17;
const sequentialRuntime = 1;
const openMpRuntime = 2;
const statuses = [
  'success',
  'out of memory',
  'invalid arguments',
  'unimplemented',
  'last implementation reached',
  'runtime error',
  'not required',
];

/** Room for one of version 2's structures (696 and 2,800 bytes in version 2.6), whose layout is none of our business. */
const structureBytes = 16_384;
/** Products of distinct sizes that are kept ready, each about 100 KiB of generated code. */
const keptProducts = 192;
/** Rows for which the layout of packed weights is chosen. */
const typicalRows = 64;
/**
 * `dnnl_sgemm` slows down on a transposed A with many rows (by 15 to 40 % from 800 rows on), so such products are
 * summed over several calls.
 */
const transposedLength = 448;

export function openOneDnn(foreign: ForeignInterface): OneDnnLibrary | Unavailable {
  const library = foreign.open(oneDnnFiles());
  if (!(library instanceof NativeLibrary)) return library;
  const describe = library.optional('dnnl_version', 'uintptr_t', []);
  if (describe === undefined) return { available: false, reason: `${library.path} has no function dnnl_version` };
  // struct { int major, minor, patch; const char *hash; unsigned cpu_runtime, gpu_runtime; }
  const version = library.integersAt(describe(), 8);
  const [major = 0, minor = 0, patch = 0, , , , runtime = 0] = version;
  if (major !== 2 && major !== 3) return { available: false, reason: `version ${major}.${minor} is not supported (2 and 3 are)` };
  if (runtime !== sequentialRuntime && runtime !== openMpRuntime) {
    return { available: false, reason: `${library.path} is built for a threading runtime that cannot be held to one thread` };
  }
  const release = `oneDNN ${major}.${minor}.${patch}`;
  return { available: true, name: 'onednn', path: library.path, version: release, foreign, library, major };
}

function oneDnnFiles(): string[] {
  const minors = Array.from({ length: 16 }, (_, minor) => 15 - minor);
  switch (process.platform) {
    case 'linux':
      // Debian names version 3 by its minor number.
      return [
        'libdnnl.so.3',
        ...minors.map((minor) => `libdnnl.so.3.${minor}`),
        'libdnnl.so.2',
        'libdnnl.so',
        '/opt/intel/oneapi/dnnl/latest/lib/libdnnl.so.3',
      ];
    case 'darwin':
      return ['libdnnl.3.dylib', 'libdnnl.2.dylib', '/opt/homebrew/lib/libdnnl.dylib', '/usr/local/lib/libdnnl.dylib'];
    default:
      return ['dnnl.dll'];
  }
}

/** Products by oneDNN, straight on the WebAssembly memory. Each thread makes its own. */
export function oneDnnProvider(memory: Memory, library: OneDnnLibrary, packing: OneDnnPacking): MatrixProvider {
  return new OneDnnProvider(memory, library, packing);
}

class OneDnnProvider implements MatrixProvider {
  readonly name = 'onednn';
  readonly description: string;
  readonly #functions: Functions;
  readonly #addresses: MemoryAddresses;
  readonly #room: PackingRoom;
  readonly #kept: OneDnnPacking;
  readonly #engine: number;
  readonly #stream: number;
  readonly #sumAttribute: number;
  readonly #signals: SignalGuard;
  readonly #layouts = new Map<string, PackedLayout>();
  readonly #packings = new Map<string, Packing>();
  /** In the order of last use. */
  readonly #products = new Map<string, PackedProduct>();

  constructor(memory: Memory, library: OneDnnLibrary, packing: OneDnnPacking) {
    this.description = `${library.version}, ${library.path}${packing === 'blocks' ? ', weights in blocks' : ''}`;
    this.#kept = packing;
    const functions = bindFunctions(library);
    this.#functions = functions;
    // OpenMP's number of threads belongs to the calling thread.
    library.library.optional('omp_set_num_threads', 'void', ['int'])?.(1);
    this.#signals = new SignalGuard(library.foreign);
    this.#addresses = new MemoryAddresses(memory, library.foreign);
    this.#room = new PackingRoom(library.foreign);
    this.#engine = functions.made('dnnl_engine_create', cpuEngine, 0);
    this.#stream = functions.made('dnnl_stream_create', this.#engine, inOrderStream);
    this.#sumAttribute = functions.sumAttribute();
  }

  get externalBytes(): number {
    return this.#room.bytes;
  }

  multiply({ m, n, k, a, transposeA, b, transposeB, c, accumulate }: MatrixProduct): void {
    const { base } = this.#addresses;
    // Equal pieces, in whole cache lines.
    const pieces = transposeA ? Math.ceil(k / transposedLength) : 1;
    const longest = pieces === 1 ? k : Math.ceil(k / pieces / 16) * 16;
    for (let at = 0; at < k; at += longest) {
      const left = base + a + 4 * (transposeA ? at * m : at);
      const right = base + b + 4 * (transposeB ? at : at * n);
      const length = Math.min(longest, k - at);
      this.#sgemm(
        m,
        n,
        length,
        left,
        transposeA,
        transposeA ? m : k,
        right,
        transposeB,
        transposeB ? k : n,
        base + c,
        accumulate || at > 0,
      );
    }
  }

  /** On native addresses, with the distances between the rows of A and of B in elements. */
  #sgemm(
    m: number,
    n: number,
    k: number,
    a: number,
    transposeA: boolean,
    widthA: number,
    b: number,
    transposeB: boolean,
    widthB: number,
    c: number,
    accumulate: boolean,
  ): void {
    const { sgemm, check } = this.#functions;
    const letterA = transposeA ? letterT : letterN;
    const letterB = transposeB ? letterT : letterN;
    this.#signals.hold();
    const status = sgemm(letterA, letterB, m, n, k, 1, a, widthA, b, widthB, accumulate ? 1 : 0, c, n);
    this.#signals.release();
    check('dnnl_sgemm', status);
  }

  #execute(primitive: number, count: number, given: Structure): void {
    this.#signals.hold();
    const status = this.#functions.execute(primitive, this.#stream, count, given.address);
    this.#signals.release();
    this.#functions.check('dnnl_primitive_execute', status);
  }

  pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    if (this.#kept === 'blocks') return this.#packBlocks(n, k, b, transposeB);
    if (transposeB) return this.#packTransposed(n, k, b);
    return {
      n,
      k,
      multiply: (m, a, c, accumulate) => this.multiply({ m, n, k, a, transposeA: false, b, transposeB: false, c, accumulate }),
      release: () => {},
    };
  }

  #packTransposed(n: number, k: number, b: number): PackedMatrix {
    const plain = this.#functions.rowMajor(k, n);
    const bytes = n * k * 4;
    const { block, copy } = this.#copied(n, k, b, true, plain.address, bytes);
    this.#functions.free(plain);
    this.#functions.destroy('dnnl_memory_destroy', copy);
    return {
      n,
      k,
      multiply: (m, a, c, accumulate) => {
        const { base } = this.#addresses;
        this.#sgemm(m, n, k, base + a, false, k, block.address, false, n, base + c, accumulate);
      },
      release: () => this.#room.give(block),
    };
  }

  #packBlocks(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    const layout = this.#layout(n, k);
    const { block, copy } = this.#copied(n, k, b, transposeB, layout.description, layout.bytes);
    const functions = this.#functions;
    let held = true;
    return {
      n,
      k,
      multiply: (m, a, c, accumulate) => {
        const product = this.#product(m, n, k, accumulate, layout);
        const { base } = this.#addresses;
        functions.setHandle(product.source, base + a);
        functions.setHandle(product.destination, base + c);
        setArgument(product.arguments, 1, weightsArgument, copy);
        this.#execute(product.primitive, 3, product.arguments);
      },
      release: () => {
        if (!held) return;
        held = false;
        functions.destroy('dnnl_memory_destroy', copy);
        this.#room.give(block);
      },
    };
  }

  /** B copied into another layout. `copy` is the library's object for it, which the caller destroys. */
  #copied(n: number, k: number, b: number, transposeB: boolean, description: number, bytes: number): { block: PackingBlock; copy: number } {
    const functions = this.#functions;
    const packing = this.#packing(n, k, transposeB, description);
    const block = this.#room.take(bytes);
    const copy = functions.made('dnnl_memory_create', description, this.#engine, block.address);
    functions.setHandle(packing.source, this.#addresses.base + b);
    setArgument(packing.arguments, 1, destinationArgument, copy);
    this.#execute(packing.primitive, 2, packing.arguments);
    return { block, copy };
  }

  /** The layout that the library likes best for these weights. */
  #layout(n: number, k: number): PackedLayout {
    const key = `${n} ${k}`;
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const { productDescription, anyLayout, rowMajor, query, bytesOf, free } = this.#functions;
    const matrices = [rowMajor(typicalRows, k), anyLayout(k, n), rowMajor(typicalRows, n)] as const;
    const owner = productDescription(this.#engine, ...matrices, 0);
    for (const matrix of matrices) free(matrix);
    const description = query(owner, weightsDescription, 0);
    const layout = { owner, description, bytes: bytesOf(description) };
    this.#layouts.set(key, layout);
    return layout;
  }

  #packing(n: number, k: number, transposeB: boolean, to: number): Packing {
    const key = `${n} ${k} ${transposeB}`;
    const known = this.#packings.get(key);
    if (known !== undefined) return known;
    const functions = this.#functions;
    const given = transposeB ? functions.columnMajor(k, n) : functions.rowMajor(k, n);
    const description = functions.reorderDescription(this.#engine, given.address, to);
    const packing = {
      primitive: functions.primitive(description),
      source: functions.made('dnnl_memory_create', given.address, this.#engine, 0),
      arguments: functions.argumentList(2),
    };
    functions.free(given);
    setArgument(packing.arguments, 0, sourceArgument, packing.source);
    this.#packings.set(key, packing);
    return packing;
  }

  #product(m: number, n: number, k: number, accumulate: boolean, layout: PackedLayout): PackedProduct {
    const key = `${m} ${n} ${k} ${accumulate}`;
    const known = this.#products.get(key);
    if (known !== undefined) {
      this.#products.delete(key);
      this.#products.set(key, known);
      return known;
    }
    const functions = this.#functions;
    const a = functions.rowMajor(m, k);
    const c = functions.rowMajor(m, n);
    const weights = { address: layout.description };
    const description = functions.productDescription(this.#engine, a, weights, c, accumulate ? this.#sumAttribute : 0);
    const product = {
      primitive: functions.primitive(description),
      source: functions.made('dnnl_memory_create', a.address, this.#engine, 0),
      destination: functions.made('dnnl_memory_create', c.address, this.#engine, 0),
      arguments: functions.argumentList(3),
    };
    functions.free(a);
    functions.free(c);
    setArgument(product.arguments, 0, sourceArgument, product.source);
    setArgument(product.arguments, 2, destinationArgument, product.destination);
    this.#products.set(key, product);
    for (const [oldest, unused] of this.#products) {
      if (this.#products.size <= keptProducts) break;
      this.#products.delete(oldest);
      this.#end(unused);
    }
    return product;
  }

  #end({ primitive, source, destination }: Packing & { destination?: number }): void {
    const { destroy } = this.#functions;
    destroy('dnnl_primitive_destroy', primitive);
    destroy('dnnl_memory_destroy', source);
    if (destination !== undefined) destroy('dnnl_memory_destroy', destination);
  }

  dispose(): void {
    for (const product of this.#products.values()) this.#end(product);
    for (const packing of this.#packings.values()) this.#end(packing);
    for (const layout of this.#layouts.values()) this.#functions.destroy('dnnl_primitive_desc_destroy', layout.owner);
    this.#products.clear();
    this.#packings.clear();
    this.#layouts.clear();
    this.#room.clear();
    this.#functions.destroy('dnnl_primitive_attr_destroy', this.#sumAttribute);
    this.#functions.destroy('dnnl_stream_destroy', this.#stream);
    this.#functions.destroy('dnnl_engine_destroy', this.#engine);
  }
}

interface PackedLayout {
  /** The description of a product, which owns `description`. */
  owner: number;
  description: number;
  bytes: number;
}

/** A reorder from a plain matrix into a packed layout. */
interface Packing {
  primitive: number;
  source: number;
  arguments: Structure;
}

interface PackedProduct extends Packing {
  destination: number;
}

/** A `dnnl_memory_desc`: a structure in version 2, a handle in version 3. */
interface Description {
  readonly address: number;
}

const letterN = 'N'.charCodeAt(0);
const letterT = 'T'.charCodeAt(0);

/** An entry of `dnnl_exec_arg_t[]`: { int argument; dnnl_memory_t memory; } */
function setArgument({ view }: Structure, position: number, argument: number, memory: number): void {
  view.setInt32(16 * position, argument, true);
  view.setUint32(16 * position + 8, memory % 2 ** 32, true);
  view.setUint32(16 * position + 12, Math.floor(memory / 2 ** 32), true);
}

type Functions = ReturnType<typeof bindFunctions>;

/** The few functions of the C interface, with the differences between versions 2 and 3 settled here. */
function bindFunctions({ library, foreign, major, path }: OneDnnLibrary) {
  const pointer = 'uintptr_t';
  const signatures: Readonly<Record<string, readonly string[]>> = {
    dnnl_engine_create: [pointer, 'int', 'size_t'],
    dnnl_stream_create: [pointer, pointer, 'uint'],
    dnnl_memory_create: [pointer, pointer, pointer, pointer],
    dnnl_primitive_create: [pointer, pointer],
    dnnl_primitive_attr_create: [pointer],
    dnnl_post_ops_create: [pointer],
    dnnl_reorder_primitive_desc_create: [pointer, pointer, pointer, pointer, pointer, pointer],
    dnnl_primitive_desc_create: [pointer, pointer, pointer, pointer, pointer],
    dnnl_matmul_primitive_desc_create: [pointer, pointer, pointer, pointer, pointer, pointer, pointer],
    dnnl_memory_desc_create_with_strides: [pointer, 'int', pointer, 'int', pointer],
    dnnl_memory_desc_create_with_tag: [pointer, 'int', pointer, 'int', 'int'],
  };
  const bound = new Map<string, ForeignFunction>();
  function bind(name: string, parameters: readonly string[]): ForeignFunction {
    const known = bound.get(name) ?? library.function(name, 'int', parameters);
    bound.set(name, known);
    return known;
  }

  function check(name: string, status: number): void {
    if (status === 0) return;
    throw new DecadeError('resource', {
      where: `${path}: ${name}`,
      received: `status ${status} (${statuses[status] ?? 'unknown'})`,
      next: 'choose another matrix library with --gemm',
    });
  }

  function call(name: string, parameters: readonly string[], ...values: number[]): void {
    check(name, bind(name, parameters)(...values));
  }

  const result = foreign.structure(8);
  /** The object that a function writes through its first argument. */
  function made(name: string, ...values: number[]): number {
    call(name, signatures[name] ?? [], result.address, ...values);
    return result.view.getUint32(0, true) + 2 ** 32 * result.view.getUint32(4, true);
  }

  function destroy(name: string, object: number): void {
    call(name, [pointer], object);
  }

  function primitive(description: number): number {
    const object = made('dnnl_primitive_create', description);
    destroy('dnnl_primitive_desc_destroy', description);
    return object;
  }

  const two = foreign.structure(16);
  const twoMore = foreign.structure(16);
  function pair(target: Structure, first: number, second: number): number {
    target.view.setBigInt64(0, BigInt(first), true);
    target.view.setBigInt64(8, BigInt(second), true);
    return target.address;
  }

  function strided(rows: number, columns: number, rowStride: number, columnStride: number): Description {
    const sizes = pair(two, rows, columns);
    const strides = pair(twoMore, rowStride, columnStride);
    if (major === 3) return { address: made('dnnl_memory_desc_create_with_strides', 2, sizes, float32, strides) };
    const structure = foreign.structure(structureBytes);
    const parameters = [pointer, 'int', pointer, 'int', pointer];
    call('dnnl_memory_desc_init_by_strides', parameters, structure.address, 2, sizes, float32, strides);
    return structure;
  }

  function anyLayout(rows: number, columns: number): Description {
    const sizes = pair(two, rows, columns);
    if (major === 3) return { address: made('dnnl_memory_desc_create_with_tag', 2, sizes, float32, anyFormat) };
    const structure = foreign.structure(structureBytes);
    call('dnnl_memory_desc_init_by_tag', [pointer, 'int', pointer, 'int', 'int'], structure.address, 2, sizes, float32, anyFormat);
    return structure;
  }

  function productDescription(engine: number, a: Description, b: Description, c: Description, attribute: number): number {
    const noBias = 0;
    if (major === 3) return made('dnnl_matmul_primitive_desc_create', engine, a.address, b.address, noBias, c.address, attribute);
    const structure = foreign.structure(structureBytes);
    const parameters = [pointer, pointer, pointer, pointer, pointer];
    call('dnnl_matmul_desc_init', parameters, structure.address, a.address, b.address, noBias, c.address);
    return made('dnnl_primitive_desc_create', structure.address, attribute, engine, 0);
  }

  /** C += instead of C =. */
  function sumAttribute(): number {
    const operations = made('dnnl_post_ops_create');
    if (major === 3) call('dnnl_post_ops_append_sum', [pointer, 'float', 'int', 'int'], operations, 1, 0, 0);
    else call('dnnl_post_ops_append_sum', [pointer, 'float'], operations, 1);
    const attribute = made('dnnl_primitive_attr_create');
    call('dnnl_primitive_attr_set_post_ops', [pointer, pointer], attribute, operations);
    destroy('dnnl_post_ops_destroy', operations);
    return attribute;
  }

  const setDataHandle = bind('dnnl_memory_set_data_handle', [pointer, pointer]);
  const size = library.function('dnnl_memory_desc_get_size', 'size_t', [pointer]);
  const sizes = ['int64_t', 'int64_t', 'int64_t'];
  return {
    check,
    made,
    destroy,
    primitive,
    anyLayout,
    productDescription,
    sumAttribute,
    rowMajor: (rows: number, columns: number) => strided(rows, columns, columns, 1),
    columnMajor: (rows: number, columns: number) => strided(rows, columns, 1, rows),
    reorderDescription: (engine: number, from: number, to: number) =>
      made('dnnl_reorder_primitive_desc_create', from, engine, to, engine, 0),
    free: (description: Description) => {
      if (major === 3) destroy('dnnl_memory_desc_destroy', description.address);
    },
    bytesOf: (description: number) => size(description),
    query: library.function('dnnl_primitive_desc_query_md', pointer, [pointer, 'int', 'int']),
    setHandle: (object: number, address: number) => check('dnnl_memory_set_data_handle', setDataHandle(object, address)),
    execute: library.function('dnnl_primitive_execute', 'int', [pointer, pointer, 'int', pointer]),
    argumentList: (count: number) => foreign.structure(16 * count),
    /** dnnl_sgemm(transposeA, transposeB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc), row-major */
    sgemm: library.function('dnnl_sgemm', 'int', [
      ...['char', 'char', ...sizes],
      ...['float', pointer, 'int64_t', pointer, 'int64_t'],
      ...['float', pointer, 'int64_t'],
    ]),
  };
}
