import { DecadeError } from '../../core/errors.js';
import { type ForeignFunction, type ForeignInterface, NativeLibrary, type Structure, type Unavailable } from '../foreign.js';

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
/** What matrices hold. */
const elementTypes = { f32: 3, bf16: 2 } as const;
export type ElementType = keyof typeof elementTypes;
const anyFormat = 1;
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
    return { available: false, reason: `${library.path} uses a threading runtime that cannot be limited to one thread` };
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

/** A `dnnl_memory_desc`: a structure in version 2, a handle in version 3. */
export interface Description {
  readonly address: number;
}

export type Functions = ReturnType<typeof bindFunctions>;

/** The few functions of the C interface for the calling thread, with the differences between versions 2 and 3 settled here. */
export function bindFunctions({ library, foreign, major, path }: OneDnnLibrary) {
  // OpenMP's number of threads belongs to the calling thread.
  library.optional('omp_set_num_threads', 'void', ['int'])?.(1);
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

  function strided(rows: number, columns: number, rowStride: number, columnStride: number, type: ElementType): Description {
    const sizes = pair(two, rows, columns);
    const strides = pair(twoMore, rowStride, columnStride);
    if (major === 3) return { address: made('dnnl_memory_desc_create_with_strides', 2, sizes, elementTypes[type], strides) };
    const structure = foreign.structure(structureBytes);
    const parameters = [pointer, 'int', pointer, 'int', pointer];
    call('dnnl_memory_desc_init_by_strides', parameters, structure.address, 2, sizes, elementTypes[type], strides);
    return structure;
  }

  function anyLayout(rows: number, columns: number, type: ElementType = 'f32'): Description {
    const sizes = pair(two, rows, columns);
    if (major === 3) return { address: made('dnnl_memory_desc_create_with_tag', 2, sizes, elementTypes[type], anyFormat) };
    const structure = foreign.structure(structureBytes);
    call(
      'dnnl_memory_desc_init_by_tag',
      [pointer, 'int', pointer, 'int', 'int'],
      structure.address,
      2,
      sizes,
      elementTypes[type],
      anyFormat,
    );
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
    /** `stride` in elements. */
    rowMajor: (rows: number, columns: number, type: ElementType = 'f32', stride = columns) => strided(rows, columns, stride, 1, type),
    columnMajor: (rows: number, columns: number, type: ElementType = 'f32', stride = rows) => strided(rows, columns, 1, stride, type),
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
