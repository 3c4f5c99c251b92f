import { readFileSync } from 'node:fs';
import { inPlace, type MatrixProduct, type MatrixProvider, stridesOf } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';
import { type ForeignFunction, type ForeignInterface, MemoryAddresses, NativeLibrary, type Unavailable } from '../foreign.js';

export type BlasName = 'openblas' | 'mkl' | 'accelerate';

/** A library with the C interface of BLAS, loaded and held to one thread. */
export interface BlasLibrary {
  available: true;
  name: BlasName;
  path: string;
  version: string;
  foreign: ForeignInterface;
  /** cblas_sgemm(order, transposeA, transposeB, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc) */
  sgemm: ForeignFunction;
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
  return { available: true, name, path: library.path, version, foreign, sgemm };
}

/** Products by a BLAS library, straight on the WebAssembly memory. Weights stay where they are: the library packs at every call. */
export function cblasProvider(memory: Memory, { sgemm, foreign, name, version, path }: BlasLibrary): MatrixProvider {
  const addresses = new MemoryAddresses(memory, foreign);

  function multiply(product: MatrixProduct): void {
    const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
    const stride = stridesOf(product);
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
      stride.a,
      base + b,
      stride.b,
      accumulate ? 1 : 0,
      base + c,
      stride.c,
    );
  }

  return {
    name,
    packing: 'plain',
    precision: 'f32',
    description: `${version}, ${path}`,
    multiply,
    pack: (right) => inPlace(right, multiply),
    externalBytes: 0,
    dispose() {},
  };
}
