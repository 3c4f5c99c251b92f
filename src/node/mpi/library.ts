import { DecadeError } from '../../core/errors.js';
import type { ForeignFunction, ForeignInterface, NativeLibrary, Structure, Unavailable } from '../foreign.js';
import type { LauncherKind } from './launcher.js';
import { partByLauncher } from './process-manager.js';

/** How a library writes its handles. */
export type MpiAbi = 'openmpi' | 'mpich' | 'standard';

/** Handles and constants that a C header would define. */
interface Constants {
  readonly world: number;
  readonly byte: number;
  readonly errorsReturn: number;
  readonly funneled: number;
  readonly ignoreStatus: number;
  readonly inPlace: number;
}

/** Files by library, the newest first. MPICH's interface is also that of Intel's, Cray's and MVAPICH's (libmpi.so.12). */
const files: { readonly [abi in MpiAbi]: readonly string[] } = {
  openmpi: ['libmpi.so.80', 'libmpi.so.40', 'libmpi.so.20', 'libmpi.40.dylib', 'libmpi.dylib'],
  mpich: ['libmpich.so.12', 'libmpi.so.12', 'libmpi.12.dylib'],
  standard: ['libmpi_abi.so.1', 'libmpi_abi.so.0', 'libmpi_abi.so', 'libmpi_abi.dylib'],
};

/** What each launcher's processes can join, in the order in which it is tried. */
const joinable: { readonly [launcher in LauncherKind]: readonly MpiAbi[] } = {
  openmpi: ['openmpi', 'standard'],
  mpich: ['standard', 'mpich'],
  pmix: ['openmpi', 'standard', 'mpich'],
};

/** Bytes of the text of an error (at most 512 in any library), and of a status (24 in Open MPI, 20 in MPICH, 32 in the standard). */
const textBytes = 1_024;
/** Bytes of a library's description of itself: 8,192 in the standard and in MPICH, 256 in Open MPI. */
const versionBytes = 8_192;

/** An MPI library that was loaded. */
export class MpiLibrary {
  readonly abi: MpiAbi;
  readonly file: string;
  readonly #constants: Constants;
  readonly #library: NativeLibrary;
  readonly #foreign: ForeignInterface;
  readonly #out: Structure;
  readonly #text: Structure;
  readonly #calls: { readonly [name: string]: ForeignFunction };

  /**
   * The library for the processes of a launcher, or why there is none. `DECADE_MPI` names another file.
   */
  static open(foreign: ForeignInterface, launcher: LauncherKind): MpiLibrary | Unavailable {
    restrainUcx(foreign);
    const given = process.env.DECADE_MPI;
    if (given !== undefined && given !== '') {
      const library = foreign.open([given], { global: true });
      return 'available' in library ? { ...library, reason: `DECADE_MPI=${given}: ${library.reason}` } : new MpiLibrary(foreign, library);
    }
    let failure: Unavailable = { available: false, reason: 'not installed' };
    for (const abi of joinable[launcher]) {
      const library = foreign.open(files[abi], { global: true });
      if (!('available' in library)) return new MpiLibrary(foreign, library);
      if (library.reason !== 'not installed') failure = library;
    }
    return failure;
  }

  /** Libraries that are installed, whatever started this process. */
  static installed(foreign: ForeignInterface): { readonly abi: MpiAbi; readonly file: string }[] {
    restrainUcx(foreign);
    return (Object.keys(files) as MpiAbi[]).flatMap((abi) => {
      const library = foreign.open(files[abi]);
      return 'available' in library ? [] : [{ abi, file: library.path }];
    });
  }

  private constructor(foreign: ForeignInterface, library: NativeLibrary) {
    this.#foreign = foreign;
    this.#library = library;
    this.file = library.file;
    const openMpiWorld = library.variable('ompi_mpi_comm_world');
    this.abi =
      openMpiWorld !== undefined && !/mpi_abi/.test(library.file) ? 'openmpi' : /mpi_abi/.test(library.file) ? 'standard' : 'mpich';
    this.#constants = constantsOf(this.abi, library);
    this.#out = foreign.structure(64);
    this.#text = foreign.structure(textBytes);
    const address = 'uintptr_t';
    const call = (name: string, parameters: readonly string[]) => library.function(name, 'int', parameters);
    const vector = [address, address, address, address];
    this.#calls = {
      start: call('MPI_Init_thread', [address, address, 'int', address]),
      rank: call('MPI_Comm_rank', [address, address]),
      size: call('MPI_Comm_size', [address, address]),
      returnErrors: call('MPI_Comm_set_errhandler', [address, address]),
      send: call('MPI_Isend', [address, 'int', address, 'int', 'int', address, address]),
      receive: call('MPI_Irecv', [address, 'int', address, 'int', 'int', address, address]),
      scatter: call('MPI_Ialltoallv', [...vector, ...vector, address, address]),
      gather: call('MPI_Iallgatherv', ['intptr_t', 'int', address, ...vector, address, address]),
      test: call('MPI_Test', [address, address, address]),
      probe: call('MPI_Iprobe', ['int', 'int', address, address, address]),
      version: call('MPI_Get_library_version', [address, address]),
      describe: call('MPI_Error_string', ['int', address, address]),
      end: call('MPI_Finalize', []),
    };
  }

  /** Begins. All other calls are the calling thread's, too. Blocks until all processes have come. */
  start(): { readonly rank: number; readonly size: number } {
    const { world, errorsReturn, funneled } = this.#constants;
    const { view, address } = this.#out;
    this.#call('start', 0, 0, funneled, address);
    this.#call('returnErrors', world, errorsReturn);
    const read = (name: 'rank' | 'size') => {
      this.#call(name, world, address);
      return view.getInt32(0, true);
    };
    return { rank: read('rank'), size: read('size') };
  }

  /** Sends bytes that stay where they are until `isDone`. */
  send(address: number, bytes: number, to: number, tag: number): MpiRequest {
    const { world, byte } = this.#constants;
    return this.#request((request) => this.#call('send', address, bytes, byte, to, tag, world, request));
  }

  receive(address: number, bytes: number, from: number, tag: number): MpiRequest {
    const { world, byte } = this.#constants;
    return this.#request((request) => this.#call('receive', address, bytes, byte, from, tag, world, request));
  }

  /** To each rank its own part, from each rank one. */
  scatter(sent: ByteParts, received: ByteParts): MpiRequest {
    const { world, byte } = this.#constants;
    const [from, into] = [this.#vector(sent), this.#vector(received)];
    return this.#request(
      (request) =>
        this.#call('scatter', from.base, from.counts, from.starts, byte, into.base, into.counts, into.starts, byte, world, request),
      [from.held, into.held],
    );
  }

  /** From each rank its part to all, the own one being in its place. */
  gather(parts: ByteParts): MpiRequest {
    const { world, byte, inPlace } = this.#constants;
    const all = this.#vector(parts);
    return this.#request(
      (request) => this.#call('gather', inPlace, 0, byte, all.base, all.counts, all.starts, byte, world, request),
      [all.held],
    );
  }

  /** Whether a request is done; lets the library go on with all of them. */
  isDone(request: MpiRequest): boolean {
    const { view, address } = this.#out;
    view.setInt32(0, 0, true);
    this.#call('test', request.structure.address, address, this.#constants.ignoreStatus);
    return view.getInt32(0, true) !== 0;
  }

  /** Lets the library go on with what is under way. */
  look(): void {
    const { world, ignoreStatus } = this.#constants;
    this.#call('probe', 0, 0, world, this.#out.address, ignoreStatus);
  }

  /**
   * Ends, when all processes do.
   *
   * @returns whether the library is still in use: MPICH over UCX is left by way of its launcher, for the reason that `partByLauncher` gives
   */
  end(): 'ended' | 'in use' {
    const socket = process.env.PMI_FD;
    const version = this.#version();
    // PMI 1 is the default; other protocols of the same socket are chosen when MPICH is built.
    if (socket !== undefined && /^MPICH Device:\s+ch4:ucx/m.test(version) && !/--with-pmix?=/.test(version)) {
      partByLauncher(this.#foreign, Number(socket), () => this.look());
      return 'in use';
    }
    this.#call('end');
    return 'ended';
  }

  #version(): string {
    const text = this.#foreign.structure(versionBytes);
    this.#call('version', text.address, this.#out.address);
    return textOf(text, this.#out.view.getInt32(0, true));
  }

  #request(begin: (request: number) => void, held: readonly unknown[] = []): MpiRequest {
    const structure = this.#foreign.structure(8);
    begin(structure.address);
    return { structure, held };
  }

  /** Counts and where the parts begin, from the first on, as C arrays that live as long as what is held. */
  #vector({ at, counts }: ByteParts): { base: number; counts: number; starts: number; held: Structure } {
    const held = this.#foreign.structure(8 * counts.length);
    const base = Math.min(...at.filter((_, rank) => counts[rank] !== 0));
    for (const [rank, count] of counts.entries()) {
      held.view.setInt32(4 * rank, count, true);
      held.view.setInt32(4 * (counts.length + rank), count === 0 ? 0 : (at[rank] as number) - base, true);
    }
    return { base: Number.isFinite(base) ? base : 0, counts: held.address, starts: held.address + 4 * counts.length, held };
  }

  #call(name: string, ...values: number[]): void {
    const error = this.#calls[name]?.(...values) ?? 0;
    if (error === 0) return;
    throw new DecadeError('resource', { where: `MPI (${this.#library.file})`, received: this.#described(error) });
  }

  #described(error: number): string {
    this.#calls.describe?.(error, this.#text.address, this.#out.address);
    return textOf(this.#text, this.#out.view.getInt32(0, true)).replaceAll(/\s+/g, ' ');
  }
}

function textOf({ view }: Structure, length: number): string {
  return new TextDecoder().decode(Uint8Array.from({ length: Math.min(length, view.byteLength) }, (_, index) => view.getUint8(index)));
}

/**
 * UCX, which carries messages for many libraries (MPICH's among them), takes SIGILL, SIGBUS, SIGFPE and SIGSEGV as soon as it is loaded,
 * unless it is told that none of them is an error. By SIGSEGV the engine finds errors of WebAssembly. To know of freed memory UCX also rewrites the
 * first instructions of functions such as mmap, which other threads of this process may be in: it is not to, unless the user says so. Over InfiniBand
 * it then registers memory for each message.
 */
function restrainUcx(foreign: ForeignInterface): void {
  foreign.setEnvironment('UCX_ERROR_SIGNALS', '');
  foreign.setEnvironment('UCX_MEM_MMAP_HOOK_MODE', process.env.UCX_MEM_MMAP_HOOK_MODE ?? 'none');
}

/** A part of each rank: its address, and its bytes. */
export interface ByteParts {
  readonly at: readonly number[];
  readonly counts: readonly number[];
}

/** What was begun; what it reads and writes is held until it is done. */
export interface MpiRequest {
  readonly structure: Structure;
  readonly held: readonly unknown[];
}

/** Handles of each interface, as its mpi.h has them. */
function constantsOf(abi: MpiAbi, library: NativeLibrary): Constants {
  switch (abi) {
    case 'openmpi': {
      // MPI_THREAD_FUNNELED is 1, MPI_STATUS_IGNORE the null pointer.
      const variable = (name: string) => library.variable(name) ?? 0;
      return {
        world: variable('ompi_mpi_comm_world'),
        byte: variable('ompi_mpi_byte'),
        errorsReturn: variable('ompi_mpi_errors_return'),
        funneled: 1,
        ignoreStatus: 0,
        inPlace: 1,
      };
    }
    case 'mpich':
      return { world: 0x44000000, byte: 0x4c00010d, errorsReturn: 0x54000001, funneled: 1, ignoreStatus: 1, inPlace: -1 };
    case 'standard':
      // MPI 5.0, chapter 21 and appendix A.
      return { world: 0x101, byte: 0x247, errorsReturn: 0x143, funneled: 1_024, ignoreStatus: 0, inPlace: 1 };
  }
}
