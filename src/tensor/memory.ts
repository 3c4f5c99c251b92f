import { DecadeError } from '../core/errors.js';

/** Every allocation starts at a multiple of this many bytes: a cache line, and enough for any SIMD load. */
const alignment = 64;
const pageBytes = 65_536;
/** wasm32 addresses end here. */
const addressLimit = 4 * 1024 ** 3;
/** A thread takes room in pieces of at least this size. */
const growthBytes = 4 * 1024 ** 2;
/**
 * Fields at the beginning of the first page, which is given to nobody, for all threads to see: where the room begins that nobody
 * has taken, and where the memory must end. In units of the alignment, as 4 GiB are no 32-bit integer.
 */
const field = { fresh: 0, limit: 1 } as const;

export interface MemoryOptions {
  /** Visible to all worker threads; needs `SharedArrayBuffer`. */
  shared: boolean;
  /** Upper limit in bytes; at most 4 GiB. That of an existing memory was set when it was made. */
  maximumBytes?: number;
  /** An existing memory, as another thread sent it. */
  existing?: WebAssembly.Memory;
}

/** A range of a memory: `offset` and `bytes`, both multiples of 64. */
export interface Block {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * One WebAssembly memory with an allocator. Any thread may allocate from a shared memory: fresh room is taken by an atomic
 * operation on a field of the memory itself, and each thread keeps its own list of freed blocks.
 */
export class Memory {
  readonly webAssembly: WebAssembly.Memory;
  readonly shared: boolean;
  #free: Block[] = [];
  #allocated = 0;
  #f32: Float32Array<ArrayBufferLike>;
  #i32: Int32Array<ArrayBufferLike>;
  #u8: Uint8Array<ArrayBufferLike>;

  /** @throws DecadeError `resource` when the system has no room for so many addresses */
  constructor({ shared, maximumBytes = addressLimit, existing }: MemoryOptions) {
    this.shared = shared;
    const maximum = Math.ceil(Math.min(maximumBytes, addressLimit) / pageBytes);
    this.webAssembly = existing ?? reserve({ initial: 1, maximum, shared });
    const { buffer } = this.webAssembly;
    this.#f32 = new Float32Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#u8 = new Uint8Array(buffer);
    if (existing !== undefined) return;
    this.#i32[field.limit] = Math.min(maximumBytes, addressLimit) / alignment;
    this.reset();
  }

  /**
   * Ends all that was allocated, by whatever thread, as if the memory were new; gives the bytes whose contents now matter to nobody.
   * Only when no other thread uses it any more.
   */
  reset(): Uint8Array {
    this.#free = [];
    this.#allocated = 0;
    Atomics.store(this.i32, field.fresh, pageBytes / alignment);
    return this.u8.subarray(pageBytes);
  }

  /** Bytes this thread has allocated and not freed. */
  get allocatedBytes(): number {
    return this.#allocated;
  }

  /** Bytes that no thread has taken yet. */
  get remainingBytes(): number {
    return this.maximumBytes - Atomics.load(this.i32, field.fresh) * alignment;
  }

  /** Bytes that this thread can still have: what nobody has taken, and what was freed here, in whatever pieces. */
  get availableBytes(): number {
    return this.#free.reduce((sum, block) => sum + block.bytes, this.remainingBytes);
  }

  /** Upper limit of `totalBytes`. */
  get maximumBytes(): number {
    return Atomics.load(this.i32, field.limit) * alignment;
  }

  /** Size of the whole memory in bytes. */
  get totalBytes(): number {
    return this.webAssembly.buffer.byteLength;
  }

  /** The memory as 32-bit floats. Fetch it anew after any allocation: growth makes a new view. */
  get f32(): Float32Array {
    return this.#refreshed().f32 as Float32Array;
  }
  get i32(): Int32Array {
    return this.#refreshed().i32 as Int32Array;
  }
  get u8(): Uint8Array {
    return this.#refreshed().u8 as Uint8Array;
  }

  #refreshed(): { f32: Float32Array<ArrayBufferLike>; i32: Int32Array<ArrayBufferLike>; u8: Uint8Array<ArrayBufferLike> } {
    const { buffer } = this.webAssembly;
    if (this.#u8.buffer !== buffer || this.#u8.byteLength !== buffer.byteLength) {
      this.#f32 = new Float32Array(buffer);
      this.#i32 = new Int32Array(buffer);
      this.#u8 = new Uint8Array(buffer);
    }
    return { f32: this.#f32, i32: this.#i32, u8: this.#u8 };
  }

  /** Whether bytes up to `end` can be read here: they can when another thread has written them. */
  has(end: number): boolean {
    if (end > this.totalBytes) this.#noticeGrowth();
    return end <= this.totalBytes;
  }

  /**
   * A block of at least `bytes`, aligned to 64 bytes; its contents are unspecified.
   *
   * @throws DecadeError `resource` when there is no room for it
   */
  allocate(bytes: number): Block {
    const block = this.allocateIfPossible(bytes);
    if (block !== undefined) return block;
    throw new DecadeError('resource', {
      where: 'memory',
      received: `a request for ${mebibytes(alignedBytes(bytes))} with ${mebibytes(this.maximumBytes - this.remainingBytes)} in use`,
      allowed: `at most ${mebibytes(this.maximumBytes)} in all`,
      next: 'use a smaller model, smaller batches, shorter sentences, a smaller beam or fewer devices',
    });
  }

  /** As `allocate`; undefined when there is no room, for those who can do with less. */
  allocateIfPossible(bytes: number): Block | undefined {
    const wanted = alignedBytes(bytes);
    const index = this.#free.findIndex((block) => block.bytes >= wanted);
    const found = index >= 0 ? (this.#free[index] as Block) : this.#takeFresh(wanted);
    if (found === undefined) return undefined;
    if (index >= 0) this.#free.splice(index, 1);
    if (found.bytes > wanted) {
      this.#insertFree({ offset: found.offset + wanted, bytes: found.bytes - wanted });
    }
    this.#allocated += wanted;
    return { offset: found.offset, bytes: wanted };
  }

  free(block: Block): void {
    this.#allocated -= block.bytes;
    this.#insertFree(block);
  }

  #takeFresh(bytes: number): Block | undefined {
    // A large piece may pass the limit where the exact amount would still fit.
    for (const wanted of [Math.max(bytes, growthBytes), bytes]) {
      const piece = Math.ceil(wanted / pageBytes) * pageBytes;
      for (;;) {
        const fresh = Atomics.load(this.i32, field.fresh);
        const offset = fresh * alignment;
        if (!this.#reaches(offset + piece)) break;
        const isMine = Atomics.compareExchange(this.i32, field.fresh, fresh, fresh + piece / alignment) === fresh;
        if (isMine) return { offset, bytes: piece };
      }
    }
    return undefined;
  }

  /** Whether the memory has so many bytes, perhaps after growing. */
  #reaches(end: number): boolean {
    if (end > this.maximumBytes) return false;
    try {
      const missing = end - this.totalBytes;
      if (missing > 0) this.webAssembly.grow(Math.ceil(missing / pageBytes));
    } catch {
      // Another thread may have grown it meanwhile; else the system has no more.
      this.#noticeGrowth();
    }
    return this.totalBytes >= end;
  }

  /** Makes visible here what another thread has grown. */
  #noticeGrowth(): void {
    this.webAssembly.grow(0);
  }

  /** Keeps the free list sorted by address and joins neighbours. */
  #insertFree(block: Block): void {
    let at = this.#free.findIndex((other) => other.offset > block.offset);
    if (at < 0) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    let { offset, bytes } = block;
    let start = at;
    let count = 0;
    if (before !== undefined && before.offset + before.bytes === offset) {
      offset = before.offset;
      bytes += before.bytes;
      start = at - 1;
      count++;
    }
    if (after !== undefined && block.offset + block.bytes === after.offset) {
      bytes += after.bytes;
      count++;
    }
    this.#free.splice(start, count, { offset, bytes });
  }
}

/** Addresses for a memory: the engine takes all that it may ever need at once, and more around it. */
function reserve(descriptor: WebAssembly.MemoryDescriptor): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory(descriptor);
  } catch (cause) {
    throw new DecadeError('resource', {
      where: 'memory',
      received: 'not enough address space for a WebAssembly memory, for which Node.js reserves 10 GiB',
      next:
        'raise the limit (`ulimit -v unlimited`), or set NODE_OPTIONS=--disable-wasm-trap-handler, with which it reserves only what ' +
        'is used and decade computes a little slower',
      cause,
    });
  }
}

/** Where tensors that end together are placed. */
export interface Room {
  /** Byte offset of a fresh range, aligned to 64 bytes; its contents are unspecified. */
  allocate(bytes: number): number;
  /** Does work, of which the tensors end with it; what it gives is not among them. */
  during<Result>(work: () => Result): Result;
  /** Ends every tensor of this room. */
  reset(): void;
  /** Gives all memory back. */
  dispose(): void;
}

/**
 * A room in a memory: allocation moves a pointer, `reset` moves it back, and nothing is left for the garbage collector.
 * After the first rounds an arena is one block of the size it needs.
 */
export class Arena implements Room {
  readonly memory: Memory;
  #blocks: Block[] = [];
  /** Index of the block in use, and the next free byte in it. */
  #current = -1;
  #next = 0;
  #end = 0;

  constructor(memory: Memory, initialBytes = 0) {
    this.memory = memory;
    if (initialBytes > 0) this.#blocks.push(memory.allocate(initialBytes));
  }

  /** Bytes the arena holds, used or not. */
  get capacityBytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.bytes, 0);
  }

  /**
   * Makes the empty arena one block of at least this size, or where its memory has none left, of `least`. What is never used of it
   * costs addresses but no memory, and an arena that grows while others grow in the same memory leaves holes.
   */
  reserve(bytes: number, least = bytes): void {
    if (this.#blocks.some((block) => block.bytes >= bytes)) return;
    this.dispose();
    this.#blocks = [this.memory.allocateIfPossible(bytes) ?? this.memory.allocate(least)];
  }

  allocate(bytes: number): number {
    const wanted = alignedBytes(bytes);
    while (this.#next + wanted > this.#end) {
      let block = this.#blocks[this.#current + 1];
      if (block === undefined) {
        // A large piece, so that there are few; but where the memory has none left, it may have what is needed now.
        const piece = Math.max(wanted, this.capacityBytes / 2, growthBytes / 4);
        block = this.memory.allocateIfPossible(piece) ?? this.memory.allocate(wanted);
        this.#blocks.push(block);
      }
      this.#current++;
      this.#next = block.offset;
      this.#end = block.offset + block.bytes;
    }
    const offset = this.#next;
    this.#next += wanted;
    return offset;
  }

  during<Result>(work: () => Result): Result {
    const before = [this.#current, this.#next, this.#end] as const;
    const result = work();
    [this.#current, this.#next, this.#end] = before;
    return result;
  }

  reset(): void {
    if (this.#blocks.length > 1) {
      // One block of the joint size: after this, the same work needs no growth. Where others stand between, it grows in pieces again.
      const bytes = this.capacityBytes;
      this.#free();
      const joint = this.memory.allocateIfPossible(bytes);
      if (joint !== undefined) this.#blocks.push(joint);
    }
    this.#current = -1;
    this.#next = 0;
    this.#end = 0;
  }

  dispose(): void {
    this.#free();
    this.reset();
  }

  #free(): void {
    for (const block of this.#blocks.splice(0)) this.memory.free(block);
  }
}

/** Measures what an arena would need: its places lie beyond the end of any memory, where nothing is read or written. */
export class MeasuredRoom implements Room {
  #next = addressLimit;
  #greatest = addressLimit;

  /** The most bytes that were in use at once. */
  get bytes(): number {
    return this.#greatest - addressLimit;
  }

  allocate(bytes: number): number {
    const offset = this.#next;
    this.#next += alignedBytes(bytes);
    this.#greatest = Math.max(this.#greatest, this.#next);
    return offset;
  }

  during<Result>(work: () => Result): Result {
    const before = this.#next;
    const result = work();
    this.#next = before;
    return result;
  }

  reset(): void {
    this.#next = addressLimit;
  }

  dispose(): void {
    this.reset();
  }
}

function alignedBytes(bytes: number): number {
  return Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
