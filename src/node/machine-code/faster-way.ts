/**
 * How a kind of work is tried before a way is chosen: the best time of each counts. What comes in pairs, of which the second finds more in the cache,
 * is tried both ways first and second.
 */
const trials = [0, 1, 1, 0, 0, 1, 1, 0] as const;
/** Less work than this many operations is over before a clock tells anything. */
const leastOperations = 30_000;

interface Trial {
  calls: number;
  /** Milliseconds per operation, of the first and of the second way. */
  readonly best: [number, number];
}

/**
 * Two ways to one result, bit for bit, of which now this one and now the other is faster, by the processor and by the shapes. Each kind
 * of work is done either way in turn, until it is known.
 */
export class FasterWay {
  readonly #kinds = new Map<number, Trial>();

  /** Does the work; `kind` stands for what decides how fast either way is. Work that is over in no time is done the second way. */
  run(kind: number, operations: number, work: (isFirstWay: boolean) => void): void {
    if (operations < leastOperations) {
      work(false);
      return;
    }
    let trial = this.#kinds.get(kind);
    if (trial === undefined) {
      trial = { calls: 0, best: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] };
      this.#kinds.set(kind, trial);
    }
    const way = trials[trial.calls++];
    if (way === undefined) {
      work(trial.best[0] < trial.best[1]);
      return;
    }
    const start = performance.now();
    work(way === 0);
    trial.best[way] = Math.min(trial.best[way], (performance.now() - start) / operations);
  }
}
