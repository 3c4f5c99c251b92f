import type { Memory } from './memory.js';
import { Tensor } from './tensor.js';

/** Int32 fields at the start of the block, before the slots. */
const header = { count: 0, capacity: 1, touched: 2, table: 3 } as const;
const headerBytes = 64;

/**
 * The gradient of an embedding table as the compact list of rows that a step touched, so that nothing of size
 * [vocabulary, columns] is cleared, added or clipped.
 *
 *     slots[id]      place of the id's row in `table`, or -1
 *     touched[slot]  the id
 *     table[slot]    the gradient of its row
 *
 * Everything, the count included, lives in the memory, so that another thread can attach to it by its offset.
 */
export class TouchedRows {
  readonly vocabulary: number;
  readonly columns: number;
  /** Byte offset that names these rows to other threads. */
  readonly offset: number;
  readonly slots: Tensor;
  readonly #memory: Memory;

  /** Allocates an empty list, or with `offset` uses the one another thread allocated there. */
  constructor(memory: Memory, vocabulary: number, columns: number, offset?: number) {
    this.#memory = memory;
    this.vocabulary = vocabulary;
    this.columns = columns;
    this.offset = offset ?? memory.allocate(headerBytes + vocabulary * 4).offset;
    this.slots = new Tensor(memory, this.offset + headerBytes, [vocabulary], 'i32');
    if (offset === undefined) {
      memory.i32.fill(0, this.offset / 4, (this.offset + headerBytes) / 4);
      this.slots.i32.fill(-1);
    }
  }

  /** Number of rows in use. */
  get count(): number {
    return this.#field(header.count);
  }
  set count(count: number) {
    this.#setField(header.count, count);
  }

  /** The ids in use: Int32[count]. */
  get touched(): Tensor {
    return new Tensor(this.#memory, this.#field(header.touched), [this.count], 'i32');
  }

  /** The rows in use: [count, columns]. */
  get table(): Tensor {
    return new Tensor(this.#memory, this.#field(header.table), [this.count, this.columns]);
  }

  /** Makes room for `rows` more rows, keeping those in use. */
  reserve(rows: number): { table: number; touched: number } {
    const capacity = this.#field(header.capacity);
    const wanted = Math.min(this.vocabulary, this.count + rows);
    if (wanted > capacity) {
      const grown = Math.min(this.vocabulary, Math.max(wanted, capacity * 2));
      const memory = this.#memory;
      const touched = new Tensor(memory, memory.allocate(grown * 4).offset, [grown], 'i32');
      const table = new Tensor(memory, memory.allocate(grown * this.columns * 4).offset, [grown, this.columns]);
      if (this.count > 0) {
        touched.rows(0, this.count).set(this.touched.i32);
        table.rows(0, this.count).set(this.table.f32);
      }
      this.#release();
      this.#setField(header.capacity, grown);
      this.#setField(header.touched, touched.offset);
      this.#setField(header.table, table.offset);
    }
    return { table: this.#field(header.table), touched: this.#field(header.touched) };
  }

  /** Forgets every row. */
  clear(): void {
    const slots = this.slots.i32;
    for (const id of this.touched.i32) slots[id] = -1;
    this.count = 0;
  }

  dispose(): void {
    this.#release();
    this.#memory.free({ offset: this.offset, bytes: blockBytes(headerBytes + this.vocabulary * 4) });
  }

  #release(): void {
    const capacity = this.#field(header.capacity);
    if (capacity === 0) return;
    this.#memory.free({ offset: this.#field(header.touched), bytes: blockBytes(capacity * 4) });
    this.#memory.free({ offset: this.#field(header.table), bytes: blockBytes(capacity * this.columns * 4) });
    this.#setField(header.capacity, 0);
  }

  #field(index: number): number {
    return (this.#memory.i32[this.offset / 4 + index] as number) >>> 0;
  }

  #setField(index: number, value: number): void {
    this.#memory.i32[this.offset / 4 + index] = value;
  }
}

/** Bytes that `Memory.allocate` gives for a request. */
function blockBytes(bytes: number): number {
  return Math.max(64, Math.ceil(bytes / 64) * 64);
}
