import { setImmediate } from 'node:timers/promises';
import { Refusal } from './refusal.js';

export interface MicroBatchLimits {
  /** Milliseconds that the first item waits for others. */
  readonly window: number;
  /** Items of a batch. */
  readonly batch: number;
  /** Items that may wait. */
  readonly waiting: number;
}

/** Turns of the event loop after which nobody is taken to be at the door. */
const quietTurns = 4;

/** Milliseconds between two batches that are given to those who come, however many they are. */
const arrivalTime = 50;

interface Item<Input, Output> {
  readonly input: Input;
  readonly key: string;
  /** Of the request that it came with; undefined for one that nobody can leave. */
  readonly signal: AbortSignal | undefined;
  readonly resolve: (output: Output) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Items of different requests share batches. Items with the same key are worked on together, those that came first in the first batch;
 * one batch is under way at a time, and what comes meanwhile waits for the next.
 */
export class MicroBatches<Input, Output> {
  readonly #run: (inputs: readonly Input[], key: string, signal: AbortSignal) => Promise<readonly Output[]>;
  readonly #limits: MicroBatchLimits;
  readonly #observe: (size: number) => void;
  #waiting: Item<Input, Output>[] = [];
  #full: (() => void) | undefined;
  #work: Promise<void> | undefined;
  #held: Promise<void> | undefined;
  /** Those refused, too: they have come. */
  #submissions = 0;
  /** Milliseconds that an item took lately: a moving mean. */
  #pace = 10;

  /**
   * @param run      an output for every input; what aborts its signal is that nobody wants any of them
   * @param observe  is told the size of every batch
   */
  constructor(
    run: (inputs: readonly Input[], key: string, signal: AbortSignal) => Promise<readonly Output[]>,
    limits: MicroBatchLimits,
    observe: (size: number) => void = () => {},
  ) {
    this.#run = run;
    this.#limits = limits;
    this.#observe = observe;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * The outputs of all items, each as soon as its batch has ended. Either all are taken or none.
   *
   * @throws Refusal 413 for more items than may ever wait, 503 when too many wait already
   */
  submit(inputs: readonly Input[], key: string, signal?: AbortSignal): Promise<Output>[] {
    signal?.throwIfAborted();
    this.#submissions++;
    const { waiting: most } = this.#limits;
    if (inputs.length > most) {
      throw new Refusal(413, `${inputs.length} sentences in one request; at most ${most} can wait. Send them in several requests`);
    }
    if (this.#waiting.length + inputs.length > most) {
      const seconds = Math.min(60, Math.max(1, Math.ceil((this.#waiting.length * this.#pace) / 1_000)));
      throw new Refusal(503, `Too busy: ${this.#waiting.length} sentences are waiting. Try again in ${seconds} s`, { retryAfter: seconds });
    }
    const outputs = this.#add(inputs, key, signal);
    if (this.#waiting.length >= this.#limits.batch) this.#full?.();
    this.#work ??= this.#workOff().finally(() => {
      this.#work = undefined;
    });
    return outputs;
  }

  /** Begins no batch before. */
  hold(until: Promise<void>): void {
    this.#held = until;
  }

  /** Resolves when nothing waits and nothing is under way. */
  async idle(): Promise<void> {
    while (this.#work !== undefined) await this.#work;
  }

  #add(inputs: readonly Input[], key: string, signal: AbortSignal | undefined): Promise<Output>[] {
    const items = new Set<Item<Input, Output>>();
    const leave = () => {
      this.#waiting = this.#waiting.filter((item) => !items.has(item));
      for (const { reject } of items) reject(signal?.reason);
    };
    signal?.addEventListener('abort', leave, { once: true });
    return inputs.map(
      (input) =>
        new Promise((resolve, reject) => {
          const ended =
            <Value>(settle: (value: Value) => void) =>
            (value: Value) => {
              items.delete(item);
              if (items.size === 0) signal?.removeEventListener('abort', leave);
              settle(value);
            };
          const item: Item<Input, Output> = { input, key, signal, resolve: ended(resolve), reject: ended(reject) };
          items.add(item);
          this.#waiting.push(item);
        }),
    );
  }

  async #workOff(): Promise<void> {
    await this.#window();
    await this.#held;
    while (this.#waiting.length > 0) {
      const key = this.#waiting[0]?.key;
      const batch = this.#waiting.filter((item) => item.key === key).slice(0, this.#limits.batch);
      const taken = new Set(batch);
      this.#waiting = this.#waiting.filter((item) => !taken.has(item));
      this.#observe(batch.length);
      const started = performance.now();
      await this.#answer(batch);
      this.#pace += ((performance.now() - started) / batch.length - this.#pace) / 8;
      await this.#arrivals();
      await this.#held;
    }
  }

  /** Waits for the window to end, or for a full batch. */
  #window(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#full = undefined;
        resolve();
      };
      const timer = setTimeout(end, this.#limits.window);
      if (this.#waiting.length >= this.#limits.batch) end();
      else this.#full = end;
    });
  }

  /**
   * Lets in who has come during a batch: Node accepts one connection in a turn of the event loop, and reads its request in another. Without
   * this, batches that are computed on this thread would let in one client each.
   */
  async #arrivals(): Promise<void> {
    const end = performance.now() + arrivalTime;
    for (let quiet = 0; quiet < quietTurns && performance.now() < end; quiet++) {
      const before = this.#submissions;
      await setImmediate();
      if (this.#submissions > before) quiet = 0;
    }
  }

  async #answer(batch: readonly Item<Input, Output>[]): Promise<void> {
    const unwanted = new AbortController();
    const signals = new Set(batch.map(({ signal }) => signal));
    const isLeft = () => [...signals].every((signal) => signal?.aborted);
    const leaving = ({ target }: Event) => {
      if (isLeft()) unwanted.abort((target as AbortSignal).reason);
    };
    for (const signal of signals) signal?.addEventListener('abort', leaving);
    try {
      const inputs = batch.map(({ input }) => input);
      const outputs = await this.#run(inputs, batch[0]?.key ?? '', unwanted.signal);
      for (const [index, item] of batch.entries()) item.resolve(outputs[index] as Output);
    } catch (error) {
      // One bad item must not take the others with it.
      if (batch.length === 1 || unwanted.signal.aborted) for (const item of batch) item.reject(error);
      else for (const item of batch) if (!item.signal?.aborted) await this.#answer([item]);
    } finally {
      for (const signal of signals) signal?.removeEventListener('abort', leaving);
    }
  }
}
