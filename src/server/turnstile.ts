import { Refusal } from './refusal.js';

/** Lets a number of calls run at the same time; others wait, in their order, and too many are refused. */
export class Turnstile {
  readonly #most: number;
  readonly #waitingMost: number;
  #running = 0;
  readonly #waiting: { enter(): void }[] = [];

  constructor(most: number, waiting: number) {
    this.#most = most;
    this.#waitingMost = waiting;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for a place; what it returns gives the place back, and must be called once.
   *
   * @throws Refusal 503 when too many wait already, and the signal's reason
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#running >= this.#most) {
      if (this.#waiting.length >= this.#waitingMost) {
        throw new Refusal(503, `Too busy: ${this.#waiting.length} completions are waiting. Try again in 5 s`, { retryAfter: 5 });
      }
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          this.#waiting.splice(this.#waiting.indexOf(place), 1);
          reject(signal?.reason);
        };
        const place = {
          enter() {
            signal?.removeEventListener('abort', leave);
            resolve();
          },
        };
        signal?.addEventListener('abort', leave, { once: true });
        this.#waiting.push(place);
      });
    } else this.#running++;
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next.enter();
    };
  }
}
