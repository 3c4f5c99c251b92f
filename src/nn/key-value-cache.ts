import type { Device, Scope } from '../tensor/device.js';
import { type RowRanges, rowRanges } from '../tensor/layout.js';
import type { Block } from '../tensor/memory.js';
import { Tensor } from '../tensor/tensor.js';

/** Positions that are being added to a cache, and what each of them sees of it. */
export interface CachedSight {
  /** Which of the new positions are each row's. */
  readonly queries: RowRanges;
  /** The part of `memoryRows` that each row sees, the new positions last. */
  readonly rows: RowRanges;
  /** Rows of the cache, row after row: Int32. */
  readonly memoryRows: Tensor;
  /** Stores what the new positions are for a layer, [new positions, columns], and gives all that is stored of it. */
  stored(layer: number, keysAndValues: Tensor): Tensor;
}

const leastCapacity = 64;

/**
 * Keys and values of all that has been written, one table per layer. A hypothesis is a list of rows of these tables, so that choosing
 * hypotheses moves indices only. A full table is copied into one of twice the size, without the rows that no hypothesis sees any more.
 */
export class KeyValueCache {
  readonly #device: Device;
  readonly #columns: number;
  readonly #tables: Block[];
  #capacity = 0;
  /** Rows of every table that are taken. */
  #used = 0;
  /** What each hypothesis sees, in its order. */
  #seen: Int32Array[];

  constructor(device: Device, size: { readonly layers: number; readonly columns: number; readonly hypotheses: number }) {
    this.#device = device;
    this.#columns = size.columns;
    this.#tables = Array.from({ length: size.layers }, () => device.memory.allocate(0));
    this.#seen = Array.from({ length: size.hypotheses }, () => new Int32Array(0));
  }

  /** Positions that each hypothesis has: [hypotheses]. */
  get lengths(): Int32Array {
    return Int32Array.from(this.#seen, ({ length }) => length);
  }

  /** Extends each hypothesis by so many positions, whose keys and values are to be stored next. What it gives lasts as long as the scope. */
  extend(scope: Scope, counts: readonly number[]): CachedSight {
    const added = counts.reduce((sum, count) => sum + count, 0);
    if (this.#used + added > this.#capacity) this.#makeRoom(added);
    const first = this.#used;
    this.#used += added;
    const queries = rowRanges(counts);
    this.#seen = this.#seen.map((seen, hypothesis) => {
      const [start, count] = [first + (queries.starts[hypothesis] as number), counts[hypothesis] as number];
      const extended = new Int32Array(seen.length + count);
      extended.set(seen);
      for (let place = 0; place < count; place++) extended[seen.length + place] = start + place;
      return extended;
    });
    const rows = rowRanges(this.lengths);
    const memoryRows = new Int32Array(rows.rows);
    this.#seen.forEach((seen, hypothesis) => {
      memoryRows.set(seen, rows.starts[hypothesis]);
    });
    return {
      queries,
      rows,
      memoryRows: scope.integers(memoryRows),
      stored: (layer, keysAndValues) => {
        const table = this.#table(layer);
        this.#device.kernels.copy(table.rows(first, first + added).offset, keysAndValues.offset, keysAndValues.bytes);
        return table;
      },
    };
  }

  /** Hypothesis h becomes what hypothesis chosen[h] was. */
  select(chosen: Int32Array): void {
    this.#seen = Array.from(chosen, (hypothesis) => this.#seen[hypothesis] as Int32Array);
  }

  dispose(): void {
    for (const table of this.#tables) this.#device.memory.free(table);
    this.#tables.length = 0;
  }

  #table(layer: number): Tensor {
    return new Tensor(this.#device.memory, (this.#tables[layer] as Block).offset, [this.#used, this.#columns]);
  }

  #makeRoom(added: number): void {
    const { memory, kernels } = this.#device;
    const live = [...new Set(this.#seen.flatMap((seen) => Array.from(seen)))].sort((a, b) => a - b);
    const capacity = Math.max(leastCapacity, 2 * (live.length + added));
    const indices = memory.allocate(live.length * 4);
    try {
      memory.i32.set(live, indices.offset / 4);
      this.#tables.forEach((old, layer) => {
        const table = memory.allocate(capacity * this.#columns * 4);
        kernels.gatherRows(table.offset, old.offset, indices.offset, live.length, this.#columns);
        memory.free(old);
        this.#tables[layer] = table;
      });
    } finally {
      memory.free(indices);
    }
    const placeOf = new Map(live.map((row, place) => [row, place]));
    this.#seen = this.#seen.map((seen) => seen.map((row) => placeOf.get(row) as number));
    this.#capacity = capacity;
    this.#used = live.length;
  }
}
