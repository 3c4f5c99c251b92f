import { randomKey, uniformInteger } from '../../core/random.js';
import { shortened } from '../../core/visible-text.js';
import type { CorpusLine } from './corpus-line.js';

/** What becomes of a line. */
export interface Verdict {
  readonly line: CorpusLine;
  /** Undefined for a line that is kept. */
  readonly dropped?: Dropped | undefined;
}

export interface Dropped {
  /** In a word, such as `duplicate`. */
  readonly reason: string;
  /** What was found: `as line 17`, `0.31`. */
  readonly detail?: string | undefined;
}

/** Lines that were dropped for one reason. */
export interface DroppedLines {
  count: number;
  /** The number of the first. */
  readonly firstLine: number;
  /** Some of them, drawn at random. */
  readonly sample: DroppedLine[];
}

/** A dropped line as a report shows it: no more than the beginning of long sides. */
export interface DroppedLine {
  readonly line: number;
  /** Of a row that holds no text: its columns. */
  readonly sides: readonly string[];
  readonly detail?: string | undefined;
}

const sampleSize = 5;
const shownCharacters = 200;

/** Counts verdicts by reason, and keeps a sample for each. */
export class VerdictReport {
  read = 0;
  kept = 0;
  readonly #dropped = new Map<string, DroppedLines>();

  add({ line, dropped }: Verdict): void {
    this.read++;
    if (dropped === undefined) {
      this.kept++;
      return;
    }
    const found = this.#dropped.get(dropped.reason) ?? { count: 0, firstLine: line.number, sample: [] };
    this.#dropped.set(dropped.reason, found);
    const texts = line.sides.length > 0 ? line.sides : (line.columns ?? []);
    const shown = () => ({ line: line.number, sides: texts.map((text) => shortened(text, shownCharacters)), detail: dropped.detail });
    // Reservoir sampling (Vitter 1985, algorithm R): every line has the same chance, and none is kept that is not shown.
    const place = found.count < sampleSize ? found.count : uniformInteger(sampleKey, this.read, found.count + 1);
    if (place < sampleSize) found.sample[place] = shown();
    found.count++;
  }

  /** By reason, most frequent first. */
  get dropped(): Readonly<Record<string, DroppedLines>> {
    return Object.fromEntries([...this.#dropped].sort(([, a], [, b]) => b.count - a.count));
  }

  toJSON() {
    return { read: this.read, kept: this.kept, dropped: this.dropped };
  }
}

const sampleKey = randomKey(1, 'sample');
