import { readFileSync } from 'node:fs';
import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { type ForeignFunction, type ForeignInterface, MemoryAddresses, NativeLibrary, PackingRoom, type Unavailable } from '../foreign.js';

export type BlasName = 'openblas' | 'mkl' | 'accelerate';

/**
 * How a weight matrix that is used many times is kept: `plain`, where it is; or `panels`, copied so that each call fits
 * the library's kernel for small matrices, which does not pack its operands again.
 */
export type BlasPacking = 'plain' | 'panels';

/** A library with the C interface of BLAS, loaded and held to one thread. */
export interface BlasLibrary {
  available: true;
  name: BlasName;
  path: string;
  version: string;
  foreign: ForeignInterface;
  /** cblas_sgemm(order, transposeA, transposeB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc) */
  sgemm: ForeignFunction;
  /** cblas_somatcopy(order, transpose, rows, columns, alpha, A, lda, B, ldb), an extension of OpenBLAS. */
  copyMatrix: ForeignFunction | undefined;
}

/** The packings that this library can do. */
export const allBlasPackings: readonly BlasPacking[] = ['plain', 'panels'];

/** Those that this library can make. */
export function blasPackings({ copyMatrix }: BlasLibrary): readonly BlasPacking[] {
  return copyMatrix === undefined ? ['plain'] : allBlasPackings;
}

interface Build {
  file: string;
  /** The type of sizes: some builds have 64-bit ones. */
  integer: 'int' | 'int64_t';
  symbol: string;
}

interface Opened {
  available: true;
  library: NativeLibrary;
  build: Build;
}

const rowMajor = 101;
const notTransposed = 111;
const transposed = 112;

const panelColumns = 64;
const panelLength = 256;
/** Rows a call: with 256 terms, 61 rows would fit; more rows with fewer terms are as fast. */
const panelRows = 96;
/** From here on packing B again at every call costs less than the small calls do. */
const rowsWithoutPanels = 192;
/** OpenBLAS uses its small-matrix kernels up to this m n k (interface/gemm.c, kernel/x86_64/sgemm_small_kernel_permit_skylakex.c). */
const smallProduct = 1_000_000;

const openBlasBuilds: Readonly<Partial<Record<NodeJS.Platform, Build[]>>> = {
  linux: [
    ...['libopenblas.so.0', 'libopenblas.so', '/opt/OpenBLAS/lib/libopenblas.so'].map(build),
    { file: 'libopenblas64.so.0', integer: 'int64_t', symbol: 'cblas_sgemm' },
    { file: 'libopenblas64_.so.0', integer: 'int64_t', symbol: 'cblas_sgemm64_' },
  ],
  darwin: ['libopenblas.dylib', '/opt/homebrew/opt/openblas/lib/libopenblas.dylib', '/usr/local/opt/openblas/lib/libopenblas.dylib'].map(
    build,
  ),
  win32: ['libopenblas.dll', 'openblas.dll'].map(build),
};
const mklBuilds: Readonly<Partial<Record<NodeJS.Platform, Build[]>>> = {
  linux: ['libmkl_rt.so.3', 'libmkl_rt.so.2', 'libmkl_rt.so', '/opt/intel/oneapi/mkl/latest/lib/libmkl_rt.so'].map(build),
  darwin: ['libmkl_rt.2.dylib', 'libmkl_rt.dylib'].map(build),
  win32: ['mkl_rt.3.dll', 'mkl_rt.2.dll', 'mkl_rt.dll'].map(build),
};
const accelerateBuilds: Readonly<Partial<Record<NodeJS.Platform, Build[]>>> = {
  darwin: [build('/System/Library/Frameworks/Accelerate.framework/Accelerate')],
};

function build(file: string): Build {
  return { file, integer: 'int', symbol: 'cblas_sgemm' };
}

/** Finds and prepares one of the BLAS libraries. */
export function openBlas(name: BlasName, foreign: ForeignInterface): BlasLibrary | Unavailable {
  switch (name) {
    case 'openblas':
      return openOpenBlas(foreign);
    case 'mkl':
      return openMkl(foreign);
    case 'accelerate':
      return openAccelerate(foreign);
  }
}

function openOpenBlas(foreign: ForeignInterface): BlasLibrary | Unavailable {
  // Read when the library is loaded: without it, one thread a core is started at once.
  foreign.setEnvironment('OPENBLAS_NUM_THREADS', '1');
  const builds = openBlasBuilds[process.platform];
  let found = openFirst(builds, foreign);
  if (!found.available) return found;
  const better = betterOpenBlasCore(found.library.text('openblas_get_corename'));
  if (better !== undefined && process.env.OPENBLAS_CORETYPE === undefined) {
    foreign.setEnvironment('OPENBLAS_CORETYPE', better);
    found.library.unload();
    found = openFirst(builds, foreign);
    if (!found.available) return found;
  }
  const { library } = found;
  library.optional('openblas_set_num_threads', 'void', ['int'])?.(1);
  const release = /OpenBLAS (\S+)/.exec(library.text('openblas_get_config') ?? '')?.[1] ?? 'of unknown version';
  const core = library.text('openblas_get_corename');
  return blasLibrary('openblas', found, `OpenBLAS ${release}${core === undefined ? '' : ` (${core})`}`, foreign);
}

/**
 * Versions older than the processor take it for one of 2004 and lose four fifths of its speed. Gives the core type to
 * ask for when the one that was detected has no AVX although the processor does.
 */
function betterOpenBlasCore(detected: string | undefined): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64' || detected === undefined) return undefined;
  const coresWithoutAvx = ['Katmai', 'Coppermine', 'Northwood', 'Prescott', 'Banias', 'Atom', 'Core2', 'Penryn', 'Dunnington', 'Nehalem'];
  if (!coresWithoutAvx.some((core) => core.toLowerCase() === detected.toLowerCase())) return undefined;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readCpuInformation())?.[1]?.trim().split(' '));
  if (['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'avx512cd'].every((flag) => flags.has(flag))) return 'SkylakeX';
  return flags.has('avx2') && flags.has('fma') ? 'Haswell' : undefined;
}

function readCpuInformation(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}

function openMkl(foreign: ForeignInterface): BlasLibrary | Unavailable {
  const opened = openFirst(mklBuilds[process.platform], foreign);
  if (!opened.available) return opened;
  const { library } = opened;
  const sequential = 1;
  const integersOf32Bits = 0;
  library.optional('MKL_Set_Threading_Layer', 'int', ['int'])?.(sequential);
  library.optional('MKL_Set_Interface_Layer', 'int', ['int'])?.(integersOf32Bits);
  library.optional('MKL_Set_Num_Threads', 'void', ['int'])?.(1);
  return blasLibrary('mkl', opened, `MKL ${mklVersion(library)}`, foreign);
}

function mklVersion(library: NativeLibrary): string {
  const text = new Uint8Array(new ArrayBuffer(256));
  library.optional('MKL_Get_Version_String', 'void', ['void *', 'int'])?.(text, text.length);
  return /[Vv]ersion\s+([\d.]+)/.exec(new TextDecoder().decode(text))?.[1] ?? 'of unknown version';
}

function openAccelerate(foreign: ForeignInterface): BlasLibrary | Unavailable {
  foreign.setEnvironment('VECLIB_MAXIMUM_THREADS', '1');
  const opened = openFirst(accelerateBuilds[process.platform], foreign);
  if (!opened.available) return opened;
  const singleThreaded = 1;
  opened.library.optional('BLASSetThreading', 'int', ['int'])?.(singleThreaded);
  return blasLibrary('accelerate', opened, 'Accelerate', foreign);
}

function openFirst(builds: readonly Build[] | undefined, foreign: ForeignInterface): Opened | Unavailable {
  if (builds === undefined) return { available: false, reason: `does not exist for ${process.platform}` };
  let reason = 'not installed';
  for (const build of builds) {
    const library = foreign.open([build.file]);
    if (library instanceof NativeLibrary) return { available: true, library, build };
    if (library.reason !== 'not installed') reason = library.reason;
  }
  return { available: false, reason };
}

function blasLibrary(
  name: BlasName,
  { library, build: { integer, symbol } }: Opened,
  version: string,
  foreign: ForeignInterface,
): BlasLibrary | Unavailable {
  const sgemm = library.optional(symbol, 'void', [
    ...['int', 'int', 'int', integer, integer, integer],
    ...['float', 'uintptr_t', integer, 'uintptr_t', integer],
    ...['float', 'uintptr_t', integer],
  ]);
  if (sgemm === undefined) return { available: false, reason: `${library.path} has no function ${symbol}` };
  const copyMatrix = library.optional('cblas_somatcopy', 'void', [
    ...['int', 'int', integer, integer, 'float'],
    ...['uintptr_t', integer, 'uintptr_t', integer],
  ]);
  return { available: true, name, path: library.path, version, foreign, sgemm, copyMatrix };
}

/** Products by a BLAS library, straight on the WebAssembly memory. */
export function cblasProvider(memory: Memory, library: BlasLibrary, packing: BlasPacking): MatrixProvider {
  const { sgemm, copyMatrix, foreign, name, version, path } = library;
  const addresses = new MemoryAddresses(memory, foreign);
  const room = new PackingRoom(foreign);

  function multiply({ m, n, k, a, transposeA, b, transposeB, c, accumulate }: MatrixProduct): void {
    const { base } = addresses;
    sgemm(
      rowMajor,
      transposeA ? transposed : notTransposed,
      transposeB ? transposed : notTransposed,
      m,
      n,
      k,
      1,
      base + a,
      transposeA ? m : k,
      base + b,
      transposeB ? k : n,
      accumulate ? 1 : 0,
      base + c,
      n,
    );
  }

  function inPlace(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    return {
      n,
      k,
      multiply: (m, a, c, accumulate) => multiply({ m, n, k, a, transposeA: false, b, transposeB, c, accumulate }),
      release: () => {},
    };
  }

  /** B as panels [n / 64][k][64], each contiguous; the last panel is narrower. */
  function panels(copy: ForeignFunction, n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
    const block = room.take(n * k * 4);
    for (let column = 0; column < n; column += panelColumns) {
      const columns = Math.min(panelColumns, n - column);
      const to = block.address + 4 * column * k;
      if (transposeB) copy(rowMajor, transposed, columns, k, 1, addresses.base + b + 4 * column * k, k, to, columns);
      else copy(rowMajor, notTransposed, k, columns, 1, addresses.base + b + 4 * column, n, to, columns);
    }
    return {
      n,
      k,
      multiply(m, a, c, accumulate) {
        if (m >= rowsWithoutPanels) return multiply({ m, n, k, a, transposeA: false, b, transposeB, c, accumulate });
        const { base } = addresses;
        for (let row = 0; row < m; row += panelRows) {
          const rows = Math.min(panelRows, m - row);
          const longest = Math.min(panelLength, Math.floor(smallProduct / (panelColumns * rows * 16)) * 16);
          for (let column = 0; column < n; column += panelColumns) {
            const columns = Math.min(panelColumns, n - column);
            const result = base + c + 4 * (row * n + column);
            for (let at = 0; at < k; at += longest) {
              const length = Math.min(longest, k - at);
              const left = base + a + 4 * (row * k + at);
              const right = block.address + 4 * (column * k + at * columns);
              const beta = accumulate || at > 0 ? 1 : 0;
              sgemm(rowMajor, notTransposed, notTransposed, rows, columns, length, 1, left, k, right, columns, beta, result, n);
            }
          }
        }
      },
      release: () => room.give(block),
    };
  }

  return {
    name,
    packing,
    precision: 'f32',
    description: `${version}, ${path}${packing === 'panels' ? ', weights in panels' : ''}`,
    multiply,
    pack: (n, k, b, transposeB) =>
      packing === 'panels' && copyMatrix !== undefined ? panels(copyMatrix, n, k, b, transposeB) : inPlace(n, k, b, transposeB),
    get externalBytes() {
      return room.bytes;
    },
    dispose: () => room.clear(),
  };
}
