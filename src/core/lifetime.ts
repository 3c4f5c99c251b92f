import { linkedAbort } from './linked-abort.js';

/** How long something may be used: its end refuses later calls, stops those under way, and waits until they have stopped. */
export class Lifetime {
  readonly #end = new AbortController();
  readonly #refusal: () => Error;
  readonly #underWay = new Set<Promise<unknown>>();

  /** `refusal` is the error of calls after the end. */
  constructor(refusal: () => Error) {
    this.#refusal = refusal;
  }

  /** Runs a call. The signal it is handed aborts when `signal` does, or at the end. */
  async run<Result>(call: (signal: AbortSignal) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const either = linkedAbort([this.#end.signal, signal]);
    try {
      either.signal.throwIfAborted();
      return await this.#tracked(call(either.signal));
    } finally {
      either.release();
    }
  }

  /** As `run`, for a stream. It is under way only while an item is asked for: whoever reads may stop at any item, for ever. */
  async *stream<Item>(
    open: (signal: AbortSignal) => AsyncGenerator<Item, void, undefined>,
    signal?: AbortSignal,
  ): AsyncGenerator<Item, void, undefined> {
    const either = linkedAbort([this.#end.signal, signal]);
    let items: AsyncGenerator<Item, void, undefined> | undefined;
    try {
      for (;;) {
        either.signal.throwIfAborted();
        items ??= open(either.signal);
        const next = await this.#tracked(items.next());
        if (next.done) return;
        yield next.value;
      }
    } finally {
      either.release();
      await items?.return();
    }
  }

  /** May be called again. */
  async end(): Promise<void> {
    if (!this.#end.signal.aborted) this.#end.abort(this.#refusal());
    await Promise.allSettled(this.#underWay);
  }

  async #tracked<Result>(work: Promise<Result>): Promise<Result> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }
}
