import type { LoadedKernels } from './kernels/load.js';
import type { MatrixProvider } from './matrix.js';
import type { Block, Memory } from './memory.js';
import { Tensor } from './tensor.js';

/** Bytes of the products of one table that are kept at most. */
const keptBytes = 32 * 1024 ** 2;
/** Memory that must be left for others, as a multiple of what a table may take. */
const share = 8;

/** Rows that are asked for together. */
export interface KnownRows {
  /** [any, outputs] */
  readonly products: Tensor;
  /** Where in `products` the row of each id stands. Both last until the next call. */
  readonly places: Int32Array;
}

/**
 * What a weight matrix makes of the rows of a table, as a first layer's input weights of embeddings: such a product depends
 * on the token alone, so it is computed when a token is first met and looked up from then on. Parameters may not change
 * meanwhile. When its room is full a table begins anew.
 */
export class KnownProducts {
  readonly #device: { readonly memory: Memory; readonly kernels: LoadedKernels; readonly matrix: MatrixProvider };
  readonly #tables = new Map<string, KnownTable>();

  constructor(device: { readonly memory: Memory; readonly kernels: LoadedKernels; readonly matrix: MatrixProvider }) {
    this.#device = device;
  }

  /** table[id] weightᵀ for every id; undefined where there is no room for them. table [rows, inputs], weight [outputs, inputs]. */
  of(table: Tensor, weight: Tensor, given: Int32Array): KnownRows | undefined {
    // They may be a view of a memory that grows in here.
    const ids = given.slice();
    const key = `${table.offset} ${weight.offset}`;
    let known = this.#tables.get(key);
    if (known === undefined) {
      const rows = Math.min(table.dimension(0), Math.floor(keptBytes / (4 * weight.dimension(0))));
      if (this.#device.memory.availableBytes < share * 4 * rows * weight.dimension(0)) return undefined;
      known = new KnownTable(this.#device, table, weight, rows);
      this.#tables.set(key, known);
    }
    return known.of(ids);
  }

  dispose(): void {
    for (const known of this.#tables.values()) known.dispose();
    this.#tables.clear();
  }
}

class KnownTable {
  readonly #device: ConstructorParameters<typeof KnownProducts>[0];
  readonly #table: Tensor;
  readonly #weight: Tensor;
  /** By id; -1: not known. */
  readonly #places: Int32Array;
  readonly #room: Block;
  readonly #products: Tensor;
  #count = 0;

  /** Room for so many rows; what is never used of it costs addresses but no memory. */
  constructor(device: ConstructorParameters<typeof KnownProducts>[0], table: Tensor, weight: Tensor, rows: number) {
    this.#device = device;
    this.#table = table;
    this.#weight = weight;
    this.#places = new Int32Array(table.dimension(0)).fill(-1);
    this.#room = device.memory.allocate(4 * rows * weight.dimension(0));
    this.#products = new Tensor(device.memory, this.#room.offset, [rows, weight.dimension(0)]);
  }

  of(ids: Int32Array): KnownRows | undefined {
    if (!this.#learn(ids)) {
      this.#places.fill(-1);
      this.#count = 0;
      if (!this.#learn(ids)) return undefined;
    }
    return { products: this.#products, places: ids.map((id) => this.#places[id] as number) };
  }

  /** False when there is no room for all that are new, or when one is no row of the table, of which others will complain. */
  #learn(ids: Int32Array): boolean {
    const fresh = new Set<number>();
    for (const id of ids) {
      if (!(id in this.#places)) return false;
      if (this.#places[id] === -1) fresh.add(id);
    }
    if (this.#count + fresh.size > this.#products.dimension(0)) return false;
    if (fresh.size > 0) this.#multiply([...fresh]);
    return true;
  }

  #multiply(fresh: readonly number[]): void {
    const { memory, kernels, matrix } = this.#device;
    const [outputs, inputs] = [this.#weight.dimension(0), this.#weight.dimension(1)];
    const scratch = memory.allocate(4 * fresh.length * (inputs + 1));
    try {
      const rows = new Tensor(memory, scratch.offset, [fresh.length, inputs]);
      const indices = new Tensor(memory, scratch.offset + rows.bytes, [fresh.length], 'i32').set(fresh);
      kernels.gatherRows(rows.offset, this.#table.offset, indices.offset, fresh.length, inputs);
      matrix.multiply({
        m: fresh.length,
        n: outputs,
        k: inputs,
        a: rows.offset,
        transposeA: false,
        b: this.#weight.offset,
        transposeB: true,
        c: this.#products.rows(this.#count, this.#count + fresh.length).offset,
        accumulate: false,
      });
    } finally {
      memory.free(scratch);
    }
    // Only now: a product for which there is no room is made when it is asked for again.
    for (const id of fresh) this.#places[id] = this.#count++;
  }

  dispose(): void {
    this.#device.memory.free(this.#room);
  }
}
