/** Trainings at the same time, as many as there are trainers. */
export class UnderWay {
  readonly #free: number[];
  readonly #stop: (reason: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  /** `stop` is told the reason when one fails: the others are to end soon. */
  constructor(trainers: number, stop: (reason: unknown) => void) {
    this.#free = Array.from({ length: trainers }, (_, trainer) => trainer);
    this.#stop = stop;
  }

  /** Begins one with a trainer that is free, and resolves when another can begin. Throws what `all` does. */
  async begin(train: (trainer: number) => Promise<void>): Promise<void> {
    const trainer = this.#free.shift();
    if (trainer === undefined) throw new RangeError('no trainer is free');
    const running = train(trainer)
      .catch((reason: unknown) => {
        this.#failures.push(reason);
        this.#stop(reason);
      })
      .finally(() => {
        this.#free.push(trainer);
        this.#running.delete(running);
      });
    this.#running.add(running);
    if (this.#free.length === 0) await Promise.race(this.#running);
    if (this.#failures.length > 0) await this.all();
  }

  /** Resolves when all have ended. Throws the first failure. */
  async all(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
