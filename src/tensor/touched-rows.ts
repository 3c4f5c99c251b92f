import type { Memory } from './memory.js';
import { Tensor } from './tensor.js';

/**
 * The gradient of an embedding table as the compact list of rows that a step touched, so that nothing of size
 * [vocabulary, columns] is cleared, added or clipped.
 *
 *     slots[id]      place of the id's row in `table`, or -1
 *     touched[slot]  the id
 *     table[slot]    the gradient of its row
 */
export class TouchedRows {
  readonly vocabulary: number;
  readonly columns: number;
  readonly slots: Tensor;
  /** Number of rows in use. */
  count = 0;
  #memory: Memory;
  #capacity = 0;
  #touched: Tensor;
  #table: Tensor;

  constructor(memory: Memory, vocabulary: number, columns: number) {
    this.#memory = memory;
    this.vocabulary = vocabulary;
    this.columns = columns;
    this.slots = new Tensor(memory, memory.allocate(vocabulary * 4).offset, [vocabulary], 'i32');
    this.slots.i32.fill(-1);
    this.#touched = new Tensor(memory, 0, [0], 'i32');
    this.#table = new Tensor(memory, 0, [0, columns]);
  }

  /** The ids in use: Int32[count]. */
  get touched(): Tensor {
    return this.#touched.rows(0, this.count);
  }

  /** The rows in use: [count, columns]. */
  get table(): Tensor {
    return this.#table.rows(0, this.count);
  }

  /** Makes room for `rows` more rows, keeping those in use. */
  reserve(rows: number): { table: number; touched: number } {
    const wanted = Math.min(this.vocabulary, this.count + rows);
    if (wanted > this.#capacity) {
      const capacity = Math.min(this.vocabulary, Math.max(wanted, this.#capacity * 2));
      const memory = this.#memory;
      const touched = new Tensor(memory, memory.allocate(capacity * 4).offset, [capacity], 'i32');
      const table = new Tensor(memory, memory.allocate(capacity * this.columns * 4).offset, [capacity, this.columns]);
      if (this.count > 0) {
        touched.rows(0, this.count).set(this.touched.i32);
        table.rows(0, this.count).set(this.table.f32);
      }
      this.#release();
      this.#touched = touched;
      this.#table = table;
      this.#capacity = capacity;
    }
    return { table: this.#table.offset, touched: this.#touched.offset };
  }

  /** Forgets every row. */
  clear(): void {
    const slots = this.slots.i32;
    for (const id of this.touched.i32) slots[id] = -1;
    this.count = 0;
  }

  dispose(): void {
    this.#release();
    this.#memory.free({ offset: this.slots.offset, bytes: blockBytes(this.slots) });
    this.count = 0;
    this.#capacity = 0;
  }

  #release(): void {
    if (this.#capacity === 0) return;
    this.#memory.free({ offset: this.#touched.offset, bytes: blockBytes(this.#touched) });
    this.#memory.free({ offset: this.#table.offset, bytes: blockBytes(this.#table) });
  }
}

/** Bytes that `Memory.allocate` gave for this tensor. */
function blockBytes(tensor: Tensor): number {
  return Math.max(64, Math.ceil(tensor.bytes / 64) * 64);
}
