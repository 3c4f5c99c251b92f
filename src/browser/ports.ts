import { DecadeError, type ErrorKind, type ErrorParts } from '../core/errors.js';
import { unlessAborted } from '../core/event-loop.js';

/*
 * A stream over a message port: one side gives an item whenever the other asks for the next. A call with one result is a stream of
 * one item.
 */

type Ask = 'next' | 'return';
type Reply<Item> =
  | { readonly kind: 'item'; readonly item: Item }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly error: SentError }
  | { readonly kind: 'progress'; readonly progress: unknown };

/** An error of the library without its class and cause, which a message cannot carry. */
export interface SentDecadeError {
  readonly kind: ErrorKind;
  readonly parts: Omit<ErrorParts, 'cause'>;
}

type SentError = SentDecadeError | { readonly message: string };

export function sentDecadeError({ kind, parts: { cause: _, ...parts } }: DecadeError): SentDecadeError {
  return { kind, parts };
}

function sentError(error: unknown): SentError {
  if (error instanceof DecadeError) return sentDecadeError(error);
  return { message: error instanceof Error ? error.message : String(error) };
}

function receivedError(error: SentError): Error {
  return 'kind' in error ? new DecadeError(error.kind, error.parts) : new Error(error.message);
}

/** What a giver is told, and may tell. */
export interface Control {
  /** Aborts when the other side wants no more. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: unknown) => void;
}

/** Serves the items of a stream over the port, until its end or until the returned function is called. */
export function give<Item>(port: MessagePort, open: (control: Control) => AsyncIterator<Item> | Iterator<Item>): () => void {
  const end = new AbortController();
  const reply = (message: Reply<Item>) => port.postMessage(message);
  const items = open({ signal: end.signal, onProgress: (progress) => reply({ kind: 'progress', progress }) });
  const close = () => {
    end.abort();
    port.close();
    // Whoever has left does not want to hear how it ended.
    Promise.resolve(items.return?.()).catch(() => {});
  };
  port.onmessage = async ({ data }: MessageEvent<Ask>) => {
    if (data === 'return') return close();
    try {
      const { done, value } = await items.next();
      reply(done ? { kind: 'end' } : { kind: 'item', item: value });
    } catch (error) {
      reply({ kind: 'failed', error: sentError(error) });
    }
  };
  return close;
}

export interface TakeOptions<Progress> {
  /** Ends the stream, by the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** The items that the other side of the port gives. */
export async function* take<Item, Progress = never>(
  port: MessagePort,
  { signal, onProgress }: TakeOptions<Progress> = {},
): AsyncGenerator<Item, void, undefined> {
  const ask = (message: Ask) => port.postMessage(message);
  try {
    for (;;) {
      const answered = new Promise<Exclude<Reply<Item>, { kind: 'progress' }>>((resolve) => {
        port.onmessage = ({ data }: MessageEvent<Reply<Item>>) => {
          if (data.kind === 'progress') onProgress?.(data.progress as Progress);
          else resolve(data);
        };
      });
      ask('next');
      const reply = await unlessAborted(answered, signal);
      if (reply.kind === 'end') return;
      if (reply.kind === 'failed') throw receivedError(reply.error);
      yield reply.item;
    }
  } finally {
    ask('return');
    port.close();
  }
}
