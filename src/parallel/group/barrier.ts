import { DecadeError } from '../../core/errors.js';

/** Fields of the barrier's Int32Array. */
const arrived = 0;
const generation = 1;
const broken = 2;

/** Int32 values a barrier needs. */
export const barrierFields = 3;
/** Loads before a waiting thread sleeps: some tens of microseconds, more than devices usually differ by. */
const spins = 20_000;

/** Is told how long a thread waited for the others, for a profile. */
export type Waited = (milliseconds: number) => void;

/** Where devices meet: nobody passes until all have arrived. Spins briefly, then sleeps. */
export class Barrier {
  readonly #fields: Int32Array;
  readonly #threads: number;
  readonly #waited: Waited | undefined;

  /** `fields`: shared, 0 at first, of `barrierFields` values. */
  constructor(fields: Int32Array, threads: number, waited?: Waited) {
    this.#fields = fields;
    this.#threads = threads;
    this.#waited = waited;
  }

  /** @throws DecadeError `resource` when a thread has died and the barrier was broken */
  wait(): void {
    this.pass(this.arrive());
  }

  /** Tells the others that this thread has arrived; what it returns is for `pass`. */
  arrive(): number {
    const fields = this.#fields;
    const current = Atomics.load(fields, generation);
    if (Atomics.add(fields, arrived, 1) === this.#threads - 1) {
      Atomics.store(fields, arrived, 0);
      Atomics.add(fields, generation, 1);
      Atomics.notify(fields, generation);
    }
    return current;
  }

  /**
   * Waits until all have arrived as this thread did.
   *
   * @throws DecadeError `resource` when a thread has died and the barrier was broken
   */
  pass(arrival: number): void {
    const fields = this.#fields;
    const start = this.#waited && performance.now();
    for (let spin = 0; spin < spins && Atomics.load(fields, generation) === arrival; spin++);
    while (Atomics.load(fields, generation) === arrival && Atomics.load(fields, broken) === 0) {
      Atomics.wait(fields, generation, arrival, 100);
    }
    if (start !== undefined) this.#waited?.(performance.now() - start);
    if (Atomics.load(fields, broken) !== 0) {
      throw new DecadeError('resource', { where: 'devices', received: 'another device has stopped' });
    }
  }

  /** Wakes every waiting thread with an error, for good. */
  break(): void {
    Atomics.store(this.#fields, broken, 1);
    Atomics.notify(this.#fields, generation);
  }
}
