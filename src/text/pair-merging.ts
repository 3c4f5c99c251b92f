import { PriorityQueue } from './priority-queue.js';

/** A pair of neighbouring tokens that become one; its place in the list is its rank. */
export interface Merge {
  left: number;
  right: number;
  merged: number;
}

/** The merges of byte-pair encoding, applied to one piece of text at a time. */
export class PairMerging {
  readonly #ranks = new Map<number, number>();

  /** `size`: ids are below it. */
  constructor(
    readonly merges: readonly Merge[],
    private readonly size: number,
  ) {
    for (const [rank, merge] of merges.entries()) this.#ranks.set(merge.left * size + merge.right, rank);
  }

  /**
   * Merges the pair of lowest rank, the leftmost of equals, until none is left: O(n log n) for n tokens. Works in `ids` and gives
   * those that are left. `isDropped` is asked of every pair before each merge, from the lowest rank on: BPE-dropout (Provilkov,
   * Emelianenko and Voita 2020, algorithm 1).
   */
  apply(ids: number[], isDropped?: () => boolean): number[] {
    const { length } = ids;
    const next = Int32Array.from(ids, (_, position) => position + 1);
    const previous = Int32Array.from(ids, (_, position) => position - 1);
    // Rank first, then position, in one number.
    const queue = new PriorityQueue<number>((a, b) => a < b);
    const rankAt = (position: number): number | undefined => {
      const following = next[position] ?? length;
      return following >= length ? undefined : this.#ranks.get((ids[position] as number) * this.size + (ids[following] as number));
    };
    const enqueue = (position: number) => {
      const rank = rankAt(position);
      if (rank !== undefined) queue.push(rank * length + position);
    };
    for (let position = 0; position < length; position++) enqueue(position);
    const dropped: number[] = [];
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const position = key % length;
      const rank = (key - position) / length;
      const merge = this.merges[rank];
      // A merge since may have taken this position or its neighbour.
      if (merge === undefined || ids[position] === gone || rankAt(position) !== rank) continue;
      if (isDropped?.()) {
        dropped.push(key);
        continue;
      }
      const taken = next[position] ?? length;
      const following = next[taken] ?? length;
      ids[position] = merge.merged;
      ids[taken] = gone;
      next[position] = following;
      if (following < length) previous[following] = position;
      enqueue(position);
      const before = previous[position] ?? -1;
      if (before >= 0) enqueue(before);
      for (const pair of dropped.splice(0)) queue.push(pair);
    }
    return ids.filter((id) => id !== gone);
  }
}

const gone = -1;

/** Pieces kept with their ids. Text repeats its words, so that nearly all are found here. */
const cacheEntries = 65_536;
const longestCachedPiece = 64;

/** Remembers what pieces became. */
export class PieceCache {
  readonly #known = new Map<string, readonly number[]>();

  idsOf(piece: string, encode: (piece: string) => readonly number[]): readonly number[] {
    const known = this.#known.get(piece);
    if (known !== undefined) return known;
    const ids = encode(piece);
    if (piece.length <= longestCachedPiece) {
      if (this.#known.size === cacheEntries) this.#known.clear();
      this.#known.set(piece, ids);
    }
    return ids;
  }
}
