import { requireOptions } from '../core/call-options.js';
import { DecadeError } from '../core/errors.js';
import { Lifetime } from '../core/lifetime.js';
import { shownValue } from '../core/visible-text.js';
import { give, type Listeners, take, type TakeOptions } from './ports.js';
import type { SentOptions } from './requests.js';

/** A worker of this page, and what is asked of it. It ends when it is disposed of, or fails; later calls throw. */
export class Engine {
  readonly #worker: Worker;
  /** Why calls are refused. */
  #refusal = new DecadeError('usage', {
    where: 'model',
    received: 'a call after dispose',
    allowed: 'no calls after dispose',
    next: 'load the model again',
  });
  readonly #lifetime = new Lifetime(() => this.#refusal);

  /** @throws DecadeError `resource` where there are no workers */
  constructor(start: () => Worker) {
    if (typeof Worker === 'undefined') {
      throw new DecadeError('resource', {
        where: 'decade/browser',
        received: 'a runtime without web workers',
        allowed: 'a browser',
        next: "under Node, import from 'decade'",
      });
    }
    this.#worker = start();
    this.#worker.onerror = ({ message }) => {
      this.#refusal = new DecadeError('resource', {
        where: 'worker',
        received: message ? `an error (${message})` : 'a worker that could not be started',
        next: message
          ? 'load the model again'
          : "check that decade's worker files (worker.js, worker-relaxed.js, ...) lie beside the file that starts them, on a server, and that the page may start workers (worker-src)",
      });
      void this.dispose();
    };
  }

  /** The single answer to a request. */
  async call<Result>(request: object, control: TakeOptions = {}): Promise<Result> {
    return onlyItem(this.stream<Result>(request, control));
  }

  /** The answers to a request. */
  stream<Item>(request: object, control: TakeOptions = {}): AsyncGenerator<Item, void, undefined> {
    return this.#answers<Item>(request, [], control);
  }

  /** As `stream`; the `input` of the request is asked for item by item. */
  async *streamOf<Item>(input: unknown, request: object, control: TakeOptions = {}): AsyncGenerator<Item, void, undefined> {
    // The other side refuses what is none.
    if (!isStream(input)) return yield* this.stream<Item>({ ...request, input }, control);
    const { port1, port2 } = new MessageChannel();
    const close = give(port1, () => (Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]()));
    try {
      yield* this.#answers<Item>({ ...request, input: port2 }, [port2], control);
    } finally {
      close();
    }
  }

  /** Ends running calls with an error, and the worker. A second call does nothing. */
  async dispose(): Promise<void> {
    await this.#lifetime.end();
    this.#worker.terminate();
  }

  #answers<Item>(request: object, transferred: Transferable[], control: TakeOptions): AsyncGenerator<Item, void, undefined> {
    return this.#lifetime.stream((signal) => {
      const { port1, port2 } = new MessageChannel();
      try {
        this.#worker.postMessage({ ...request, answers: port2 }, [port2, ...transferred]);
      } catch (cause) {
        throw new DecadeError('usage', {
          where: 'call',
          received: `what no message to a worker can carry (${cause instanceof Error ? cause.message : shownValue(cause)})`,
          allowed: 'text, numbers, bytes, and lists and records of them',
          cause,
        });
      }
      return take<Item>(port1, { ...control, signal });
    }, control.signal);
  }
}

/** The item of a stream of one. */
export async function onlyItem<Item>(items: AsyncIterable<Item>): Promise<Item> {
  for await (const item of items) return item;
  throw new Error('no answer');
}

/** Whether there are items to ask for. Bytes are an item themselves. */
function isStream(input: unknown): input is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof input !== 'object' || input === null || ArrayBuffer.isView(input)) return false;
  return Symbol.asyncIterator in input || Symbol.iterator in input;
}

/** Options of a call: what is sent, and what stays in the page. */
export interface DividedOptions extends SentOptions {
  readonly signal: AbortSignal | undefined;
  readonly told: Listeners;
}

/** @throws DecadeError `usage` for what is no record of options */
export function dividedOptions(where: string, given: ({ readonly signal?: AbortSignal | undefined } & object) | undefined): DividedOptions {
  requireOptions(where, given);
  const { signal, ...others } = given ?? {};
  const entries = Object.entries(others);
  const functions = entries.filter(([, value]) => typeof value === 'function') as [string, (told: unknown) => void][];
  const options = Object.fromEntries(entries.filter(([, value]) => typeof value !== 'function'));
  return { signal, options, told: Object.fromEntries(functions), listeners: functions.map(([name]) => name) };
}
