import { readFileSync } from 'node:fs';
import type { Memory } from '../tensor/memory.js';

/** What passes through a foreign call: numbers (also addresses), bytes passed by address, or a null pointer. */
export type ForeignValue = number | string | ArrayBufferView | ArrayBuffer | null;

/** A function of a native library. Only numbers come back; a call that gives text is declared through `text`. */
export type ForeignFunction = (...values: ForeignValue[]) => number;

/** The part of koffi that is used here. Written out because an optional dependency's types may be missing as well. */
interface Koffi {
  load(path: string | null, options?: { global?: boolean }): KoffiLibrary;
  proto(result: string, parameters: readonly string[]): unknown;
  decode(pointer: bigint, type: unknown): unknown;
  address(value: unknown): bigint;
  view(address: bigint, bytes: number): ArrayBuffer;
}
interface KoffiLibrary {
  func(name: string, result: string, parameters: readonly string[]): (...values: ForeignValue[]) => unknown;
  symbol(name: string): unknown;
  unload(): void;
}

/** Bytes. Vectors that lie across two are read and written in two halves. */
const cacheLine = 64;
/** Bytes; where the system's pages are smaller, a multiple of theirs. */
const largestPage = 65_536;
/** MADV_DONTNEED of Linux's <sys/mman.h>. Other systems may put the same advice off. */
const notNeeded = 4;

/** Why a native library is not used here. */
export interface Unavailable {
  available: false;
  reason: string;
}

/** Calls into native libraries (https://koffi.dev), without a compiler. */
export class ForeignInterface {
  readonly #koffi: Koffi;

  private constructor(koffi: Koffi) {
    this.#koffi = koffi;
  }

  /** koffi, or why it cannot be used: it is an optional dependency, and not every platform has a build of it. */
  static async load(): Promise<ForeignInterface | Unavailable> {
    try {
      // The name is a variable so that the compiler does not ask for a package that may be missing.
      const name: string = 'koffi';
      const loaded: { default: Koffi } = await import(name);
      return new ForeignInterface(loaded.default);
    } catch (cause) {
      const missing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
      const message = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
      const reason = missing ? 'is not installed' : `does not load: ${message}`;
      return { available: false, reason: `koffi, the optional package for calling native libraries, ${reason}` };
    }
  }

  /** The first of the files that loads. `global`: libraries that it loads in turn see what it has. */
  open(files: readonly string[], options: { global?: boolean } = {}): NativeLibrary | Unavailable {
    let failure = '';
    for (const file of files) {
      try {
        return new NativeLibrary(this.#koffi, file, options);
      } catch (cause) {
        // A library that is there but does not load explains more than the names that are missing.
        const message = cause instanceof Error ? cause.message : String(cause);
        if (!/no such file|not found|cannot find|could not be found/i.test(message)) failure = message;
      }
    }
    return { available: false, reason: failure === '' ? 'not installed' : failure };
  }

  /** Sets an environment variable where native code sees it: a worker's `process.env` is only a copy. */
  setEnvironment(name: string, value: string): void {
    process.env[name] = value;
    if (process.platform !== 'win32') this.ofProcess('setenv', 'int', ['str', 'str', 'int'])?.(name, value, 1);
  }

  /** A function that is already in the process, such as one of the C library; undefined when it is not. */
  ofProcess(name: string, result: 'int' | 'uintptr_t', parameters: readonly string[]): ForeignFunction | undefined {
    try {
      return this.#koffi.load(null).func(name, result, parameters) as ForeignFunction;
    } catch {
      return undefined;
    }
  }

  /** A function that begins at this address. */
  functionAt(address: number, result: 'void' | 'int', parameters: readonly string[]): ForeignFunction {
    // In a thread that has loaded no library yet, a call of the function would end the process (koffi 3.3.4).
    this.#koffi.load(null);
    return this.#koffi.decode(BigInt(address), this.#koffi.proto(result, parameters)) as ForeignFunction;
  }

  /** Native memory as bytes to read and write. */
  bytesAt(address: number, count: number): Uint8Array {
    return new Uint8Array(this.#koffi.view(BigInt(address), count));
  }

  /** The address of bytes that do not move: a view of a `SharedArrayBuffer` or of a WebAssembly memory. */
  address(bytes: ArrayBufferView | ArrayBuffer): number {
    return Number(this.#koffi.address(bytes));
  }

  /**
   * Gives the pages of bytes that do not move back to the system at once, but for the first and last few; read again they are 0.
   * A garbage collector would keep them until it happens to run. Where the system cannot, they stay as they are.
   */
  discard(bytes: Uint8Array): void {
    if (process.platform !== 'linux') return;
    const start = this.address(bytes);
    const first = Math.ceil(start / largestPage) * largestPage;
    const end = Math.floor((start + bytes.length) / largestPage) * largestPage;
    if (end > first) this.ofProcess('madvise', 'int', ['uintptr_t', 'size_t', 'int'])?.(first, end - first, notNeeded);
  }

  /** Cleared bytes that do not move, for a structure of native code, from a cache line on; they live as long as the result is held. */
  structure(bytes: number): Structure {
    // Small typed arrays may live on the JavaScript heap, which moves them; a shared buffer never does.
    const buffer = new SharedArrayBuffer(bytes + cacheLine);
    const start = this.address(new Uint8Array(buffer));
    const address = Math.ceil(start / cacheLine) * cacheLine;
    return { address, view: new DataView(buffer, address - start, bytes) };
  }
}

export interface Structure {
  readonly address: number;
  readonly view: DataView;
}

export class NativeLibrary {
  /** The name it was loaded by. */
  readonly file: string;
  readonly #library: KoffiLibrary;
  readonly #koffi: Koffi;

  constructor(koffi: Koffi, file: string, options: { global?: boolean } = {}) {
    this.#koffi = koffi;
    this.#library = koffi.load(file, options);
    this.file = file;
  }

  function(name: string, result: 'void' | 'int' | 'size_t' | 'uintptr_t', parameters: readonly string[]): ForeignFunction {
    return this.#library.func(name, result, parameters) as ForeignFunction;
  }

  /** The function, or undefined when this library (or its version) lacks it. */
  optional(name: string, result: 'void' | 'int' | 'size_t' | 'uintptr_t', parameters: readonly string[]): ForeignFunction | undefined {
    try {
      return this.function(name, result, parameters);
    } catch {
      return undefined;
    }
  }

  /** The address of a variable of the library; undefined where it has none of that name. */
  variable(name: string): number | undefined {
    try {
      return Number(this.#koffi.address(this.#library.symbol(name)));
    } catch {
      return undefined;
    }
  }

  /** What a function without arguments says of itself. */
  text(name: string): string | undefined {
    try {
      return this.#library.func(name, 'str', [])() as string;
    } catch {
      return undefined;
    }
  }

  /** The 32-bit integers that a library's structure starts with. */
  integersAt(address: number, count: number): Int32Array {
    return new Int32Array(this.#koffi.view(BigInt(address), 4 * count)).slice();
  }

  unload(): void {
    this.#library.unload();
  }

  /** The file itself, links followed, where the system tells. */
  get path(): string {
    if (process.platform !== 'linux') return this.file;
    const stem = this.file.slice(this.file.lastIndexOf('/') + 1).split('.', 1)[0] ?? this.file;
    try {
      const mapped = readFileSync('/proc/self/maps', 'utf8').split('\n');
      const line = mapped.find((entry) => entry.includes(`/${stem}`));
      return line === undefined ? this.file : line.slice(line.indexOf('/'));
    } catch {
      return this.file;
    }
  }
}

/** Native addresses of byte offsets in a WebAssembly memory. */
export class MemoryAddresses {
  readonly #memory: Memory;
  readonly #foreign: ForeignInterface;
  #buffer: ArrayBufferLike;
  #base: number;

  constructor(memory: Memory, foreign: ForeignInterface) {
    this.#memory = memory;
    this.#foreign = foreign;
    this.#buffer = memory.webAssembly.buffer;
    this.#base = foreign.address(new Uint8Array(this.#buffer));
  }

  /** The address of byte offset 0. A shared memory keeps it for ever; a plain one might move when it grows. */
  get base(): number {
    if (!this.#memory.shared && this.#memory.webAssembly.buffer !== this.#buffer) {
      this.#buffer = this.#memory.webAssembly.buffer;
      this.#base = this.#foreign.address(new Uint8Array(this.#buffer));
    }
    return this.#base;
  }
}

/** Room for packed matrices outside the WebAssembly memory; what is released is used again for the same size. */
export class PackingRoom {
  readonly #foreign: ForeignInterface;
  readonly #blocks = new Set<PackingBlock>();
  readonly #released = new Map<number, PackingBlock[]>();
  #bytes = 0;

  constructor(foreign: ForeignInterface) {
    this.#foreign = foreign;
  }

  /** Bytes held, in use or not. */
  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): PackingBlock {
    const reused = this.#released.get(bytes)?.pop();
    if (reused !== undefined) return reused;
    const buffer = new SharedArrayBuffer(bytes + cacheLine);
    const start = this.#foreign.address(new Uint8Array(buffer));
    const address = Math.ceil(start / cacheLine) * cacheLine;
    this.#bytes += buffer.byteLength;
    const block = { address, bytes, buffer };
    this.#blocks.add(block);
    return block;
  }

  /** Ends a block; giving it back twice is harmless. */
  give(block: PackingBlock): void {
    const blocks = this.#released.get(block.bytes);
    if (blocks === undefined) this.#released.set(block.bytes, [block]);
    else if (!blocks.includes(block)) blocks.push(block);
  }

  /** Ends every block. */
  clear(): void {
    for (const { buffer } of this.#blocks) this.#foreign.discard(new Uint8Array(buffer));
    this.#blocks.clear();
    this.#released.clear();
    this.#bytes = 0;
  }
}

export interface PackingBlock {
  readonly address: number;
  readonly bytes: number;
  /** Held so that the bytes live. */
  readonly buffer: SharedArrayBuffer;
}
