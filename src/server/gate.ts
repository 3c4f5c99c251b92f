import { setMaxListeners } from 'node:events';
import type { Context } from 'hono';
import { ApiKeys, RateLimit } from './access.js';
import { type Fields, readFields } from './body.js';
import type { ServerOptions } from './options.js';
import { Refusal } from './refusal.js';

/** What is known of a request: noted by those who answer it, written to the log without any text. */
export interface RequestNotes {
  readonly id: string;
  /** Aborts when the client leaves, when the deadline passes, or with the request. */
  readonly signal: AbortSignal;
  /** The client's address. */
  readonly address: string;
  texts?: number;
  characters?: number;
  models?: readonly string[];
  /** What failed inside. */
  error?: unknown;
}

/** What a request carries through the server. */
export interface ServerEnvironment {
  Bindings: { readonly notes: RequestNotes };
}

export type ServerContext = Context<ServerEnvironment>;

/** What every API asks of a request before it answers. */
export class Gate {
  readonly keys: ApiKeys;
  readonly #options: ServerOptions;
  readonly #rate: RateLimit;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.keys = new ApiKeys(options.keys);
    this.#rate = new RateLimit(options.limits.textsPerMinute);
  }

  /** The fields of a request that may be sent by who sends it. */
  async read(context: ServerContext): Promise<Fields> {
    this.requireKeyInHeader(context, true);
    const fields = await readFields(context, this.#options.limits.body);
    if (headerKey(context) === undefined) this.#requireKey(textOf(fields.api_key ?? fields.apiKey));
    return fields;
  }

  /** @param mayBeInBody  where no header has a key, one may come in the body */
  requireKeyInHeader(context: ServerContext, mayBeInBody = false): void {
    const key = headerKey(context);
    if (key === undefined && mayBeInBody) return;
    this.#requireKey(key);
  }

  /** Counts texts against what their client may send. */
  charge(context: ServerContext, fields: Fields, texts: number): void {
    const key = this.keys.isRequired ? (headerKey(context) ?? textOf(fields.api_key ?? fields.apiKey)) : undefined;
    this.#rate.take(key ?? context.env.notes.address, texts);
  }

  #requireKey(key: string | undefined): void {
    if (!this.keys.isRequired) return;
    if (key === undefined) throw new Refusal(401, 'Please contact the server operator to get an API key');
    if (!this.keys.has(key)) throw new Refusal(403, 'Invalid API key');
  }
}

/** `Authorization: Bearer KEY` or `DeepL-Auth-Key KEY`, `X-API-Key: KEY`. */
function headerKey(context: ServerContext): string | undefined {
  const authorization = /^(?:Bearer|DeepL-Auth-Key)\s+(\S.*)$/i.exec(context.req.header('authorization') ?? '');
  return authorization?.[1] ?? context.req.header('x-api-key');
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A signal of a request, to be released at its end. */
export function requestSignal(client: AbortSignal, deadline: number) {
  const controller = new AbortController();
  // Every sentence of a request listens.
  setMaxListeners(0, controller.signal);
  const leave = () => controller.abort(new Refusal(499, 'The client left'));
  if (client.aborted) leave();
  client.addEventListener('abort', leave, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new Refusal(504, `Not answered within ${deadline} ms. Send less at a time`, { retryAfter: 1 }));
  }, deadline);
  return {
    signal: controller.signal,
    release() {
      clearTimeout(timer);
      client.removeEventListener('abort', leave);
    },
  };
}
