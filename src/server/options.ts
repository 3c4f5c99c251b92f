import * as z from 'zod';
import { resolveOptions } from '../core/options.js';

const languageCode = z.string().regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, 'expected a language code such as en or pt-BR');

/** Characters of an API key, at least. */
export const shortestKey = 8;

/** Options of a server: what it serves, to whom, and how much of it. */
export const serverOptions = z.strictObject({
  /** Address to listen on. Anything but loopback is reached by others. */
  host: z.string().min(1).default('127.0.0.1'),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535).default(5_000),
  /** Names in the `Host` header besides the address listened on and loopback; `*` allows any. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** Pages of other origins that may call, such as `https://example.org`; `*` allows any. Programs send no origin. */
  allowedOrigins: z.array(z.string().min(1)).default([]),
  /** API keys, at least 8 characters each. Empty: no key is asked for. */
  keys: z.array(z.string().min(shortestKey)).default([]),
  /** Languages of models whose run names none, by the model's name. */
  languages: z.record(z.string(), z.strictObject({ source: languageCode, target: languageCode })).default({}),
  limits: z
    .strictObject({
      /** Characters of one text. */
      characters: z.int().min(1).default(100_000),
      /** Texts of one request. */
      texts: z.int().min(1).default(1_000),
      /** Alternatives of one text. */
      alternatives: z.int().min(0).max(100).default(10),
      /** Bytes of a request's body. */
      body: z
        .int()
        .min(1)
        .default(4 * 1024 ** 2),
      /** Texts a minute of one key, or of one address without keys. 0: no limit. */
      textsPerMinute: z.int().min(0).default(0),
      /** Terms of a glossary that a request brings along. */
      terms: z.int().min(0).default(1_000),
      /** Tokens that a completion may have. */
      tokens: z.int().min(1).default(4_096),
    })
    .prefault({}),
  queue: z
    .strictObject({
      /** Milliseconds that the first sentence waits for others to share its batch. */
      window: z.int().min(0).max(1_000).default(4),
      /** Sentences of a batch. */
      batch: z.int().min(1).max(10_000).default(64),
      /** Sentences that may wait; more are refused with 503. */
      waiting: z.int().min(1).default(4_096),
      /** Completions that are written at the same time. */
      completions: z.int().min(1).max(256).default(4),
    })
    .prefault({}),
  /** Milliseconds after which a request is given up. */
  deadline: z.int().min(1).default(60_000),
  /** Beam size where a request names none. */
  beam: z.int().min(1).max(100).default(5),
  /** Milliseconds between looks at the files of the models, to reload what has changed. 0: only on SIGHUP. */
  reloadInterval: z.int().min(0).default(0),
});

export type ServerOptions = z.output<typeof serverOptions>;
/** Options as a caller writes them: `{ port: 5000, limits: { characters: 2000 } }`. */
export type ServerOptionsInput = z.input<typeof serverOptions>;

/** The options with their defaults. Throws `usage` for a key or a value that is not allowed. */
export function resolveServerOptions(options: ServerOptionsInput = {}): ServerOptions {
  return resolveOptions(serverOptions, options, 'server options');
}
