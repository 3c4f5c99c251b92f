import { unlessAborted } from '../core/event-loop.js';
import { carried, isLibraryError, toCarry } from './carried-errors.js';

/*
 * A stream over a message port: one side gives an item whenever the other asks for the next. A call with one result is a stream of
 * one item.
 */

type Ask =
  | 'next'
  /** Come to an end; what is given then is still wanted. */
  | 'stop'
  /** Nothing more is wanted. */
  | 'return';

type Reply =
  | { readonly kind: 'item'; readonly item: unknown }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'told'; readonly listener: string; readonly what: unknown };

/** Functions of the other side by their names, such as `onProgress`. */
export type Listeners = Readonly<Record<string, (told: unknown) => void>>;

/** What a giver is told, and may tell. */
export interface Control {
  /** Aborts when the other side wants no more, or wants an end. */
  readonly signal: AbortSignal;
  readonly tell: (listener: string, what: unknown) => void;
}

/** Serves the items of a stream over the port, until its end or until the returned function is called. */
export function give<Item>(port: MessagePort, open: (control: Control) => AsyncIterator<Item> | Iterator<Item>): () => void {
  const end = new AbortController();
  const reply = (message: Reply) => port.postMessage(message);
  const tell = (listener: string, what: unknown) => reply({ kind: 'told', listener, what: toCarry(what) });
  const items = open({ signal: end.signal, tell });
  const close = () => {
    end.abort();
    port.close();
    // Whoever has left does not want to hear how it ended.
    Promise.resolve(items.return?.()).catch(() => {});
  };
  port.onmessage = async ({ data }: MessageEvent<Ask>) => {
    if (data === 'return') return close();
    if (data === 'stop') return end.abort();
    try {
      const { done, value } = await items.next();
      reply(done ? { kind: 'end' } : { kind: 'item', item: toCarry(value) });
    } catch (error) {
      reply({ kind: 'failed', error: isLibraryError(error) ? toCarry(error) : messageOf(error) });
    }
  };
  return close;
}

export interface TakeOptions {
  /** Ends the stream at once, by the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Asks the other side to come to an end, and waits for what it gives then. */
  readonly stop?: AbortSignal | undefined;
  readonly listeners?: Listeners | undefined;
}

/** The items that the other side of the port gives. */
export async function* take<Item>(
  port: MessagePort,
  { signal, stop, listeners = {} }: TakeOptions = {},
): AsyncGenerator<Item, void, undefined> {
  const ask = (message: Ask) => port.postMessage(message);
  const askForEnd = () => ask('stop');
  stop?.addEventListener('abort', askForEnd);
  if (stop?.aborted) askForEnd();
  try {
    for (;;) {
      const answered = new Promise<Exclude<Reply, { kind: 'told' }>>((resolve, reject) => {
        port.onmessage = ({ data }: MessageEvent<Reply>) => {
          if (data.kind !== 'told') return resolve(data);
          try {
            listeners[data.listener]?.(carried(data.what));
          } catch (error) {
            reject(error);
          }
        };
      });
      ask('next');
      const reply = await unlessAborted(answered, signal);
      if (reply.kind === 'end') return;
      if (reply.kind === 'failed') throw typeof reply.error === 'string' ? new Error(reply.error) : carried(reply.error);
      yield carried(reply.item) as Item;
    }
  } finally {
    stop?.removeEventListener('abort', askForEnd);
    ask('return');
    port.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
