import { otherTasks } from '../core/event-loop.js';

/**
 * Reads a stream while its consumer works, up to `limit` items ahead, and hands over all that are there: one by one when
 * they come slowly, many at once when they are ready.
 */
export class ReadAhead<Item> {
  readonly #iterator: AsyncIterator<Item> | Iterator<Item>;
  readonly #limit: number;
  #items: Item[] = [];
  #state: 'open' | 'ended' | 'failed' | 'closed' = 'open';
  #failure: unknown;
  #reading = false;
  /** Called when something changed for the one who waits. */
  #wake: () => void = () => {};

  constructor(source: AsyncIterable<Item> | Iterable<Item>, limit: number) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#limit = limit;
  }

  /** All items that are ready, at least one; none at the end. Rejects with the stream's error after the items before it. */
  async take(signal: AbortSignal): Promise<Item[]> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      this.#read();
      while (this.#items.length === 0 && this.#state === 'open') {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      // Go on as long as every turn of the event loop brings more.
      for (let before = 0; before < this.#items.length && this.#items.length < this.#limit && this.#state === 'open'; ) {
        before = this.#items.length;
        await otherTasks();
      }
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener('abort', wake);
    }
    if (this.#items.length === 0 && this.#state === 'failed') throw this.#failure;
    const taken = this.#items;
    this.#items = [];
    this.#read();
    return taken;
  }

  /** Ends the stream, without waiting for what it may still be waiting for. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closed';
    Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }

  /** Reads in the background until there are enough items. */
  #read(): void {
    if (this.#reading || this.#state !== 'open') return;
    this.#reading = true;
    this.#readItems().finally(() => {
      this.#reading = false;
      this.#wake();
    });
  }

  async #readItems(): Promise<void> {
    try {
      while (this.#state === 'open' && this.#items.length < this.#limit) {
        const result = await this.#iterator.next();
        if (this.#state !== 'open') return;
        if (result.done) this.#state = 'ended';
        else this.#items.push(result.value);
        this.#wake();
      }
    } catch (error) {
      this.#failure = error;
      this.#state = 'failed';
    }
  }
}
