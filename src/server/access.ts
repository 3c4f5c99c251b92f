import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServerOptions } from './options.js';
import { Refusal } from './refusal.js';

const loopback = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

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

/** Against pages of others that let a browser call a server on this machine: the host must be ours, and so must the page. */
export class Doors {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #anyHost: boolean;

  constructor({ host, allowedHosts, allowedOrigins }: Pick<ServerOptions, 'host' | 'allowedHosts' | 'allowedOrigins'>) {
    this.#hosts = new Set([...loopback, host, ...allowedHosts].map((name) => name.toLowerCase()));
    this.#origins = new Set(allowedOrigins);
    this.#anyHost = allowedHosts.includes('*') || (!loopback.has(host) && allowedHosts.length === 0);
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
