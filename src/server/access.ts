import { createHash, timingSafeEqual } from 'node:crypto';
import { DecadeError } from '../core/errors.js';
import { type ServerOptions, shortestKey } from './options.js';
import { Refusal } from './refusal.js';
import { type Fields, readFields, type ServerContext } from './request.js';

const loopback = ['localhost', '127.0.0.1', '[::1]', '::1'];
const isLoopback = (host: string) => loopback.includes(host) || /^127(\.\d+){3}$/.test(host);

/** The keys that are allowed. How long a comparison takes says nothing of them. */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  get isRequired(): boolean {
    return this.#digests.length > 0;
  }

  has(key: string): boolean {
    const received = digest(key);
    let found = false;
    for (const known of this.#digests) found = timingSafeEqual(known, received) || found;
    return found;
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/**
 * The keys in a file's text: one per line, without empty lines and those that begin with #. A key itself is never shown.
 *
 * @throws DecadeError `input` for a line that is no key, by its number, and for no keys
 */
export function keysIn(file: string, text: string): string[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const keys: string[] = [];
  for (const [index, line] of lines.entries()) {
    const key = line.trim();
    if (key === '' || key.startsWith('#')) continue;
    const isSent = /^[\x21-\x7e]+$/.test(key);
    if (isSent && key.length >= shortestKey) keys.push(key);
    else {
      throw new DecadeError('input', {
        where: `${file}: line ${index + 1}`,
        received: isSent
          ? `a key of ${key.length} characters`
          : 'a key with spaces or with characters beyond ASCII, which no header carries',
        allowed: `at least ${shortestKey} letters, figures and signs, which nobody guesses`,
        next: 'make one with: openssl rand -hex 16',
      });
    }
  }
  if (keys.length > 0) return keys;
  const next = 'leave out --keys to serve everybody';
  throw new DecadeError('input', { where: file, received: 'no keys', allowed: 'API keys, one per line', next });
}

/** Against pages of others that let a browser call a server on this machine: the host must be ours, and so must the page. */
export class Doors {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #anyHost: boolean;

  constructor({ host, allowedHosts, allowedOrigins }: Pick<ServerOptions, 'host' | 'allowedHosts' | 'allowedOrigins'>) {
    this.#hosts = new Set([...loopback, host, ...allowedHosts].map((name) => name.toLowerCase()));
    this.#origins = new Set(allowedOrigins);
    this.#anyHost = allowedHosts.includes('*') || (!isLoopback(host) && allowedHosts.length === 0);
  }

  /** The origin that may read the answer, if there is one. Throws a 421 or 403. */
  check(host: string, origin: string | undefined): string | undefined {
    const name = host.toLowerCase().replace(/:\d+$/, '');
    if (!this.#anyHost && !this.#hosts.has(name)) {
      throw new Refusal(421, `Host ${host} is not served here. Start the server with --allow-host ${name} if it is yours`);
    }
    if (origin === undefined) return undefined;
    const isOurs = origin === `http://${host}` || origin === `https://${host}`;
    if (isOurs || this.#origins.has('*') || this.#origins.has(origin)) return origin;
    throw new Refusal(403, `Pages of ${origin} may not call this server. Start it with --allow-origin ${origin} if they should`);
  }
}

/** Buckets beyond which those of clients that have been quiet are forgotten. */
const mostBuckets = 10_000;

/** Token buckets: every client has a minute's worth, which fills up again while it waits. */
export class RateLimit {
  readonly #perMinute: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();
  readonly #now: () => number;

  /** @param perMinute  0: no limit */
  constructor(perMinute: number, now: () => number = () => performance.now()) {
    this.#perMinute = perMinute;
    this.#now = now;
  }

  /** Throws a 429 where the client has used up what it has. A request that costs more than a minute's worth takes all of it. */
  take(client: string, cost: number): void {
    if (this.#perMinute === 0) return;
    const bucket = this.#bucket(client);
    const needed = Math.min(cost, this.#perMinute);
    if (bucket.left < needed) {
      const retryAfter = Math.max(1, Math.ceil(((needed - bucket.left) * 60) / this.#perMinute));
      throw new Refusal(429, `Slowdown: ${this.#perMinute} per 1 minute`, { retryAfter });
    }
    bucket.left -= needed;
  }

  #bucket(client: string): { left: number; at: number } {
    const now = this.#now();
    const filled = ({ left, at }: { left: number; at: number }) =>
      Math.min(this.#perMinute, left + ((now - at) / 60_000) * this.#perMinute);
    const bucket = this.#buckets.get(client) ?? { left: this.#perMinute, at: now };
    bucket.left = filled(bucket);
    bucket.at = now;
    if (!this.#buckets.has(client) && this.#buckets.size >= mostBuckets) {
      for (const [name, other] of this.#buckets) if (filled(other) >= this.#perMinute) this.#buckets.delete(name);
      // Everyone is busy: whoever came first starts anew.
      const [first] = this.#buckets.keys();
      if (this.#buckets.size >= mostBuckets && first !== undefined) this.#buckets.delete(first);
    }
    this.#buckets.set(client, bucket);
    return bucket;
  }
}

/** Counts texts against what a client may send. Throws a 429. */
export type Charge = (texts: number) => void;

/** What every API asks of a request before it answers: a key, a body, and not too much of either's owner. */
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
    const key = headerKey(context);
    if (key !== undefined) this.#requireKey(key);
    const fields = await readFields(context, this.#options.limits.body);
    if (key === undefined) this.#requireKey(bodyKey(fields));
    return fields;
  }

  requireKeyInHeader(context: ServerContext): void {
    this.#requireKey(headerKey(context));
  }

  /** Counts texts against what their client may send. */
  charge(context: ServerContext, fields: Fields, texts: number): void {
    const key = this.keys.isRequired ? (headerKey(context) ?? bodyKey(fields)) : undefined;
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

function bodyKey({ api_key: key, apiKey }: Fields): string | undefined {
  return [key, apiKey].find((value): value is string => typeof value === 'string' && value !== '');
}
