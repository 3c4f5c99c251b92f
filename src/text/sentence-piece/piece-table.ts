/**
 * Strings with an id each, which are found as the beginnings of what a text goes on with. They are sorted, so that each further
 * UTF-16 unit narrows a range of them by binary search: as a trie, but without its memory.
 */
export class PieceTable {
  readonly #pieces: readonly string[];
  readonly #ids: readonly number[];
  readonly #idOf: ReadonlyMap<string, number>;
  /** Where the pieces that begin with a unit are. */
  readonly #ranges = new Map<number, { from: number; to: number }>();

  /** No piece is empty. */
  constructor(entries: Iterable<readonly [piece: string, id: number]>) {
    this.#idOf = new Map(entries);
    const sorted = [...this.#idOf].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#pieces = sorted.map(([piece]) => piece);
    this.#ids = sorted.map(([, id]) => id);
    for (const [at, piece] of this.#pieces.entries()) {
      const unit = piece.charCodeAt(0);
      const range = this.#ranges.get(unit);
      if (range === undefined) this.#ranges.set(unit, { from: at, to: at + 1 });
      else range.to = at + 1;
    }
  }

  id(piece: string): number | undefined {
    return this.#idOf.get(piece);
  }

  /** Calls back with every piece that the text has at `start`, the shortest first. */
  each(text: string, start: number, found: (length: number, id: number) => void): void {
    let { from, to } = this.#ranges.get(text.charCodeAt(start)) ?? { from: 0, to: 0 };
    for (let length = 1; from < to; length++) {
      if (this.#pieces[from]?.length === length) {
        found(length, this.#ids[from] as number);
        from++;
      }
      if (start + length >= text.length) return;
      const unit = text.charCodeAt(start + length);
      from = this.#firstFrom(from, to, length, unit);
      to = this.#firstFrom(from, to, length, unit + 1);
    }
  }

  /** Length of the longest piece that the text has at `start`; 0 if there is none. */
  longest(text: string, start: number): number {
    let longest = 0;
    this.each(text, start, (length) => {
      longest = length;
    });
    return longest;
  }

  /** The first piece of a range whose unit at `place` is `unit` or more. */
  #firstFrom(from: number, to: number, place: number, unit: number): number {
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#pieces[middle] as string).charCodeAt(place) < unit) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
