import type { Parameter } from '../../nn/parameters.js';
import type { Precision } from '../../tensor/matrix.js';
import { mostSummed } from '../../training/group.js';
import type { KeptParts } from '../../training/optimizer.js';
import { cutIntoPieces, type ParameterPiece, type Segment, valuesIn } from './pieces.js';
import { wordsOf } from './wire-values.js';

/** The processes of a training, and which of them this is. */
export interface Placed {
  readonly rank: number;
  /** Devices of each rank. */
  readonly devices: readonly number[];
  /** Of gradients, and of what changes parameters, while they travel between ranks. */
  readonly communication: Precision;
}

/** A table whose gradient is a list of touched rows, and how it is exchanged: so many rows of each rank at once. */
export interface TablePlan {
  readonly index: number;
  readonly columns: number;
  readonly rowsAtOnce: number;
  readonly parts: number;
}

/** Where a piece is exchanged. */
export interface PiecePlan extends ParameterPiece {
  /** Whether it is sent from where its gradient is, and received where its parameter is. */
  readonly inPlace: boolean;
  /** Room for what all ranks have of it, unless it is exchanged in place. */
  readonly outgoing: number;
  /** Room for what all others have of this rank's part. */
  readonly incoming: number;
}

/** Pieces that have places of their own at once; the next ones take the places of those that have arrived. */
const placesOfPieces = 8;
/** Words of touched rows that a rank receives at once, at most, and rows of a rank, at least. */
const mostRowWords = 4 * 1024 ** 2;
const leastRows = 16;
/** Exchanges that may be under way beside those of pieces. */
const otherSlots = 16;

/** Numbers [first, end) of a rank's devices among those of all. */
function devicesOf({ devices }: Pick<Placed, 'devices'>, rank: number): { readonly first: number; readonly end: number } {
  const first = devices.slice(0, rank).reduce((sum, count) => sum + count, 0);
  return { first, end: first + (devices[rank] as number) };
}

/** What of the optimizer's values a rank's devices update, and so keep. */
export function keptBy({ rank, devices }: Pick<Placed, 'rank' | 'devices'>): KeptParts {
  return { ...devicesOf({ devices }, rank), parts: devices.reduce((sum, count) => sum + count, 0) };
}

/** Where what ranks exchange in an update has its room in the memory of the devices, in words; the same counts on every rank. */
export class WirePlan {
  readonly pieces: readonly PiecePlan[];
  /** Pieces whose number has the same remainder have the same places, one after another. */
  readonly chains: number;
  readonly tables: readonly TablePlan[];
  /** The parts of gathers: the number of touched rows in each table, and sums of numbers. Of two sums, one may still be read. */
  readonly counts: number;
  readonly sums: readonly [number, number];
  /** Of the parameters that this rank updates, what they were before. In bf16 only. */
  readonly before: number;
  readonly words: number;
  readonly slots: number;
  /** The number of this rank's first device among all. */
  readonly firstDevice: number;
  readonly allDevices: number;
  readonly #placed: Placed;

  /** `start`: of the room. */
  constructor(parameters: readonly Pick<Parameter, 'size' | 'shape' | 'rules'>[], placed: Placed, start = 0) {
    const { rank, devices, communication } = placed;
    const ranks = devices.length;
    this.#placed = placed;
    this.firstDevice = devicesOf(placed, rank).first;
    this.allDevices = devices.reduce((sum, count) => sum + count, 0);
    let words = 0;
    const place = (count: number) => {
      const at = start + words;
      // A cache line's worth, so that what one device writes is not beside what another reads.
      words += Math.ceil(count / 16) * 16;
      return at;
    };
    const all = parameters.map(({ size, shape, rules }, index) => ({
      index,
      size,
      columns: shape[1] ?? 1,
      isTable: rules.gradient === 'rows',
    }));
    const dense = cutIntoPieces(
      all.filter(({ isTable }) => !isTable),
      devices,
    );
    const inPlace = ({ members }: ParameterPiece) => communication === 'f32' && members.length === 1;
    this.chains = Math.min(dense.length, placesOfPieces);
    const room = Array.from({ length: this.chains }, (_, chain) => {
      const members = dense.filter((__, number) => number % this.chains === chain);
      const most = (wordsOfPiece: (piece: ParameterPiece) => number) => Math.max(...members.map(wordsOfPiece));
      return {
        outgoing: place(most((piece) => (inPlace(piece) ? 0 : this.#wordsIn(piece.segments.flat())))),
        incoming: place((ranks - 1) * most((piece) => this.#wordsOfRank(piece, rank))),
      };
    });
    this.pieces = dense.map((piece, number) => ({
      ...piece,
      inPlace: inPlace(piece),
      ...(room[number % this.chains] as (typeof room)[number]),
    }));
    const tables = all.filter(({ isTable }) => isTable);
    this.tables = tables.map(({ index, columns }) => {
      const rowsAtOnce = Math.max(leastRows, Math.floor(mostRowWords / ranks / (1 + columns)));
      const each = rowsAtOnce + wordsOf(rowsAtOnce * columns, communication);
      return { index, columns, rowsAtOnce, parts: place(ranks * each) };
    });
    this.counts = place(ranks * tables.length);
    const sum = () => place(2 * ranks * mostSummed);
    this.sums = [sum(), sum()];
    this.before = place(communication === 'bf16' ? dense.reduce((sum, piece) => sum + valuesIn(this.ofRank(piece, rank).flat()), 0) : 0);
    this.words = words;
    this.slots = 2 * this.pieces.length + otherSlots;
  }

  /** What of a piece falls to each device of a rank. */
  ofRank({ segments }: ParameterPiece, rank: number): readonly (readonly Segment[])[] {
    const { first, end } = devicesOf(this.#placed, rank);
    return segments.slice(first, end);
  }

  /** Words of a piece that fall to each rank. */
  wordsByRank(piece: ParameterPiece): number[] {
    return this.#placed.devices.map((_, rank) => this.#wordsOfRank(piece, rank));
  }

  #wordsOfRank(piece: ParameterPiece, rank: number): number {
    return this.#wordsIn(this.ofRank(piece, rank).flat());
  }

  #wordsIn(segments: readonly Segment[]): number {
    return segments.reduce((sum, { start, end }) => sum + wordsOf(end - start, this.#placed.communication), 0);
  }
}
