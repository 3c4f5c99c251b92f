import { type Files, joinPath, type RandomAccessFile } from '../../core/files.js';
import { temporarySuffix, UnfinishedWork } from '../../core/unfinished.js';
import type { Spill } from '../counting.js';
import type { TakeNgram } from './sorted-windows.js';

/** Counted n-grams that are written and read at once: some megabytes. */
const rowsAtOnce = 65_536;

/** Sorted counts in files of their own, one for each stretch of the text, to be merged: rows of `order` tokens and a count. */
export class SpilledCounts {
  readonly #spill: Spill;
  readonly #order: number;
  readonly #unfinished: UnfinishedWork;
  readonly #names: string[] = [];

  constructor(spill: Spill, order: number) {
    this.#spill = spill;
    this.#order = order;
    this.#unfinished = new UnfinishedWork(spill.files, spill.directory);
  }

  get isEmpty(): boolean {
    return this.#names.length === 0;
  }

  /** Writes what `give` gives in ascending order. */
  async add(give: (take: TakeNgram) => void): Promise<void> {
    const { files, directory } = this.#spill;
    await files.makeDirectory(directory);
    // As the caches of corpora: what a killed process leaves is removed by the next that tokenizes there a day later.
    const name = `${Date.now()}-${crypto.randomUUID()}.ngrams${temporarySuffix}`;
    await this.#unfinished.begin(name);
    this.#names.push(name);
    const width = this.#order + 1;
    const pieces: Int32Array[] = [];
    let piece = new Int32Array(0);
    let filled = 0;
    give((tokens, at, count) => {
      if (filled === piece.length) {
        piece = new Int32Array(rowsAtOnce * width);
        filled = 0;
        pieces.push(piece);
      }
      piece.set(tokens.subarray(at, at + this.#order), filled);
      piece[filled + this.#order] = count;
      filled += width;
    });
    const writer = await files.create(joinPath(directory, name));
    try {
      for (const full of pieces) await writer.write(bytesOf(full === piece ? full.subarray(0, filled) : full));
    } finally {
      await writer.close();
    }
  }

  /** All of them in ascending order, equal ones added up. `turn` is called often and awaited where it gives a promise. */
  async merge(take: TakeNgram, turn: () => Promise<void> | undefined): Promise<void> {
    const runs: Run[] = [];
    try {
      for (const name of this.#names) runs.push(await Run.open(this.#spill.files, joinPath(this.#spill.directory, name), this.#order));
      let left = runs.filter((run) => !run.isAtEnd);
      while (left.length > 0) {
        let least = left[0] as Run;
        for (const run of left) if (run.compare(least) < 0) least = run;
        const equal = left.filter((run) => run === least || run.compare(least) === 0);
        take(
          least.rows,
          least.at,
          equal.reduce((sum, { count }) => sum + count, 0),
        );
        for (const run of equal) {
          if (run.next()) continue;
          await run.refill();
          await turn();
          if (run.isAtEnd) left = left.filter((other) => other !== run);
        }
      }
    } finally {
      for (const run of runs) await run.close();
    }
  }

  /** Removes the files. */
  async dispose(): Promise<void> {
    const names = this.#names.splice(0);
    for (const name of names) await this.#spill.files.remove(joinPath(this.#spill.directory, name));
    if (names.length > 0) await this.#unfinished.end(...names);
  }
}

/** One of the files, read row by row. */
class Run {
  /** The row that it is at, and rows around it. */
  rows = new Int32Array(0);
  at = 0;
  readonly #file: RandomAccessFile;
  readonly #order: number;
  #position = 0;

  static async open(files: Files, path: string, order: number): Promise<Run> {
    const run = new Run(await files.open(path), order);
    await run.refill();
    return run;
  }

  private constructor(file: RandomAccessFile, order: number) {
    this.#file = file;
    this.#order = order;
  }

  get isAtEnd(): boolean {
    return this.at >= this.rows.length;
  }

  get count(): number {
    return this.rows[this.at + this.#order] as number;
  }

  compare(other: Run): number {
    for (let column = 0; column < this.#order; column++) {
      const difference = (this.rows[this.at + column] as number) - (other.rows[other.at + column] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Goes on; false where more has to be read first. */
  next(): boolean {
    this.at += this.#order + 1;
    return !this.isAtEnd;
  }

  async refill(): Promise<void> {
    const width = 4 * (this.#order + 1);
    const bytes = Math.min(rowsAtOnce * width, this.#file.size - this.#position);
    this.rows = new Int32Array(bytes / 4);
    this.at = 0;
    await this.#file.read(bytesOf(this.rows), this.#position);
    this.#position += bytes;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
