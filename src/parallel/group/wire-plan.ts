import type { Parameter } from '../../nn/parameters.js';
import { mostSummed } from '../../training/group.js';
import { cutIntoPieces, type ParameterPiece, valuesIn } from './pieces.js';

/** The processes of a training, and which of them this is. */
export interface Placed {
  readonly rank: number;
  /** Devices of each rank. */
  readonly devices: readonly number[];
}

/** Words [start, start + ...) of a wire in which something is exchanged. */
interface Places {
  readonly send: number;
  readonly receive: number;
}

/** A table whose gradient is a list of touched rows, and how it is exchanged: so many rows of each rank at once. */
export interface TablePlan extends Places {
  readonly index: number;
  readonly columns: number;
  readonly rowsAtOnce: number;
}

/** Words of touched rows that a rank receives at once, at most, and rows of a rank, at least. */
const mostRowWords = 4 * 1024 ** 2;
const leastRows = 16;
/** Exchanges that may be under way beside those of pieces. */
const otherSlots = 16;

/** Where everything that ranks exchange in an update has its place in the wire; the same counts on every rank. */
export class WirePlan {
  readonly pieces: readonly (ParameterPiece & { readonly outgoing: number; readonly incoming: number })[];
  readonly tables: readonly TablePlan[];
  /** Number of touched rows in each table, and sums of numbers: of two sums, one may still be read. */
  readonly counts: Places;
  readonly sums: readonly [Places, Places];
  readonly words: number;
  readonly slots: number;
  /** The number of this rank's first device among all. */
  readonly firstDevice: number;
  readonly allDevices: number;
  readonly #placed: Placed;

  constructor(parameters: readonly Pick<Parameter, 'size' | 'shape' | 'rules'>[], placed: Placed) {
    const { rank, devices } = placed;
    const ranks = devices.length;
    this.#placed = placed;
    this.firstDevice = devices.slice(0, rank).reduce((sum, count) => sum + count, 0);
    this.allDevices = devices.reduce((sum, count) => sum + count, 0);
    let words = 0;
    const place = (count: number) => {
      const at = words;
      // A cache line's worth, so that what one device writes is not beside what another reads.
      words += Math.ceil(count / 16) * 16;
      return at;
    };
    const places = (send: number, receive: number) => ({ send: place(send), receive: place(receive) });
    const all = parameters.map(({ size, shape, rules }, index) => ({
      index,
      size,
      columns: shape[1] ?? 1,
      isTable: rules.gradient === 'rows',
    }));
    const dense = cutIntoPieces(
      all.filter(({ isTable }) => !isTable),
      this.allDevices,
    );
    this.pieces = dense.map((piece) => ({
      ...piece,
      // One side holds what all ranks have of a piece, the other what all have of this rank's part.
      outgoing: place(valuesIn(piece.segments.flat())),
      incoming: place(ranks * this.#valuesOf(piece, rank)),
    }));
    const tables = all.filter(({ isTable }) => isTable);
    this.tables = tables.map(({ index, columns }) => {
      const rowsAtOnce = Math.max(leastRows, Math.floor(mostRowWords / ranks / (1 + columns)));
      const each = rowsAtOnce * (1 + columns);
      return { index, columns, rowsAtOnce, ...places(each, ranks * each) };
    });
    this.counts = places(tables.length, ranks * tables.length);
    const sum = () => places(2 * mostSummed, 2 * ranks * mostSummed);
    this.sums = [sum(), sum()];
    this.words = words;
    this.slots = 2 * this.pieces.length + otherSlots;
  }

  /** Values of a piece that fall to each rank. */
  valuesByRank(piece: ParameterPiece): number[] {
    return this.#placed.devices.map((_, rank) => this.#valuesOf(piece, rank));
  }

  /** Numbers [first, end) of a rank's devices among all. */
  devicesOf(rank: number): { readonly first: number; readonly end: number } {
    const { devices } = this.#placed;
    const first = devices.slice(0, rank).reduce((sum, count) => sum + count, 0);
    return { first, end: first + (devices[rank] as number) };
  }

  #valuesOf({ segments }: ParameterPiece, rank: number): number {
    const { first, end } = this.devicesOf(rank);
    return segments.slice(first, end).reduce((sum, of) => sum + valuesIn(of), 0);
  }
}
