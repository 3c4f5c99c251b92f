import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import { DecadeError } from '../core/errors.js';
import { Doors } from './access.js';
import { deepl, deeplOperations } from './deepl.js';
import { Gate, type RequestNotes, requestSignal, type ServerEnvironment } from './gate.js';
import { libreTranslate, libreTranslateOperations } from './libretranslate.js';
import { openAi, openAiFailure, openAiOperations } from './openai.js';
import { openApiDocument } from './openapi.js';
import { pages } from './pages.js';
import { Refusal, type RefusalStatus } from './refusal.js';
import type { Service } from './service.js';

/** A line of the log: what happened, and nothing that anybody wrote. */
export interface LogRecord {
  readonly time: string;
  readonly level: 'info' | 'error';
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly texts?: number | undefined;
  readonly characters?: number | undefined;
  readonly models?: readonly string[] | undefined;
  readonly error?: string | undefined;
}

export interface AppParts {
  readonly service: Service;
  readonly version: string;
  readonly log?: ((record: LogRecord) => void) | undefined;
  /** Answers `/mcp`. */
  readonly agents?: ((request: Request) => Promise<Response>) | undefined;
}

/** Routes with one method; another gets a 405. */
const routes: Readonly<Record<string, 'GET' | 'POST'>> = Object.fromEntries([
  ...[...libreTranslateOperations, ...deeplOperations, ...openAiOperations].map(({ method, path }) => [path, method.toUpperCase()]),
  ...['/spec', '/openapi.json', '/metrics', '/'].map((path) => [path, 'GET']),
  ...['/suggest', '/translate_file'].map((path) => [path, 'POST']),
]);

/** The APIs as one web-standard `fetch`, and how to end them. */
export class App {
  readonly #service: Service;
  readonly #hono = new Hono<ServerEnvironment>();
  readonly #doors: Doors;
  readonly #log: NonNullable<AppParts['log']>;
  readonly #underWay = new Set<Promise<void>>();
  #isStopping = false;
  #health: { readonly until: number; readonly answer: Promise<void> } | undefined;

  constructor({ service, version, log = () => {}, agents }: AppParts) {
    this.#service = service;
    this.#log = log;
    this.#doors = new Doors(service.options);
    const gate = new Gate(service.options);
    const app = this.#hono;
    app.get('/health/live', (context) => context.json({ status: 'ok' }));
    app.get('/health', async (context) => {
      await this.#healthy();
      return context.json({ status: 'ok' });
    });
    const document = openApiDocument([...libreTranslateOperations, ...deeplOperations, ...openAiOperations], version);
    for (const path of ['/spec', '/openapi.json']) app.get(path, (context) => context.json(document));
    app.get('/metrics', (context) => {
      gate.requireKeyInHeader(context);
      const { metrics, models, completions } = service;
      for (const { name, sentences } of models) metrics.waiting.set(sentences.waiting, { model: name });
      metrics.waiting.set(completions.waiting, { model: 'completions' });
      metrics.inFlight.set(this.#underWay.size);
      metrics.memory.set(process.memoryUsage.rss());
      return context.text(metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    });
    app.route('/', libreTranslate(service, gate));
    app.route('/', deepl(service, gate));
    app.route('/', openAi(service, gate));
    if (agents !== undefined) {
      app.all('/mcp', (context) => {
        gate.requireKeyInHeader(context);
        gate.charge(context, {}, 1);
        return agents(context.req.raw);
      });
    }
    app.route('/', pages(service));
    app.notFound((context) => {
      const method = routes[context.req.path];
      if (method === undefined) throw new Refusal(404, `Nothing is served at ${context.req.path}; /openapi.json says what is`);
      throw new Refusal(405, `The method is not allowed: ${context.req.path} takes ${method}`);
    });
    app.onError((error, context) => {
      context.env.notes.error = error;
      return failure(context.req.path, refusalOf(error));
    });
  }

  /** Answers a request. `environment` is what `@hono/node-server` hands over. */
  async fetch(request: Request, environment?: object): Promise<Response> {
    const started = performance.now();
    const { pathname } = new URL(request.url);
    const id = requestId(request.headers.get('x-request-id'));
    const { signal, release } = requestSignal(request.signal, this.#service.options.deadline);
    const notes: RequestNotes = { id, signal, address: addressOf(environment) };
    let origin: string | undefined;
    let response: Response;
    let ended = () => {};
    const work = new Promise<void>((resolve) => {
      ended = resolve;
    });
    this.#underWay.add(work);
    try {
      origin = this.#doors.check(request.headers.get('host') ?? new URL(request.url).host, request.headers.get('origin') ?? undefined);
      if (this.#isStopping) throw new Refusal(503, 'The server is stopping', { retryAfter: 5 });
      response =
        request.method === 'OPTIONS' ? new Response(null, { status: 204 }) : await this.#hono.fetch(request, { ...environment, notes });
    } catch (thrown) {
      notes.error = thrown;
      response = failure(pathname, refusalOf(thrown));
    }
    const headers = new Headers(response.headers);
    headers.set('X-Request-Id', id);
    if (origin !== undefined) {
      headers.set('Access-Control-Allow-Origin', origin);
      headers.set('Access-Control-Allow-Methods', 'GET, POST');
      headers.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-API-Key');
      headers.append('Vary', 'Origin');
    }
    if (this.#isStopping) headers.set('Connection', 'close');
    const { status } = response;
    const done = () => {
      release();
      this.#underWay.delete(work);
      ended();
      this.#note(request.method, pathname, status, performance.now() - started, notes);
    };
    const isStream = (headers.get('content-type') ?? '').startsWith('text/event-stream') && response.body !== null;
    if (!isStream) done();
    return new Response(isStream && response.body !== null ? withEnd(response.body, done) : response.body, { status, headers });
  }

  /** Refuses new requests and resolves when those under way have been answered. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Every model computes something; asked again at most every two seconds. */
  async #healthy(): Promise<void> {
    if (this.#health === undefined || this.#health.until < performance.now()) {
      const signal = AbortSignal.timeout(10_000);
      const answer = Promise.all(this.#service.models.map((model) => model.answer(signal))).then(() => {});
      answer.catch(() => {});
      this.#health = { until: performance.now() + 2_000, answer };
    }
    try {
      await this.#health.answer;
    } catch {
      throw new Refusal(503, 'A model does not answer', { retryAfter: 5 });
    }
  }

  #note(method: string, path: string, status: number, milliseconds: number, notes: RequestNotes): void {
    const route = path in routes || path === '/mcp' ? path : 'other';
    const { metrics } = this.#service;
    metrics.requests.add({
      route,
      method: ['GET', 'POST', 'OPTIONS', 'DELETE'].includes(method) ? method : 'other',
      status: String(status),
    });
    metrics.duration.observe(milliseconds / 1_000, { route });
    const { id, texts, characters, models, error } = notes;
    const level = status >= 500 ? 'error' : 'info';
    this.#log({
      time: new Date().toISOString(),
      level,
      id,
      method,
      path: route,
      status,
      milliseconds: Math.round(milliseconds),
      texts,
      characters,
      models,
      ...(status >= 500 && error !== undefined && !(error instanceof Refusal) && { error: placeOf(error) }),
    });
  }
}

/** What failed and where in the program, without the message, which may hold a text. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [error.name, ...frames.slice(0, 5).map((line) => line.trim())].join(' ');
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof DecadeError && error.kind === 'usage') return new Refusal(400, error.message);
  return new Refusal(500, 'The server failed; its log says more');
}

/** An error in the shape of the API at a path. */
function failure(path: string, { status, message, retryAfter, parameter }: Refusal): Response {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
  const answer = (code: RefusalStatus, body: object) => Response.json(body, { status: code, headers });
  if (path.startsWith('/v1/')) return answer(status, openAiFailure(status, message, parameter));
  if (path.startsWith('/v2/')) return answer(status === 401 ? 403 : status, { message });
  // LibreTranslate asks for a key by a 400.
  return answer(status === 401 ? 400 : status, { error: message });
}

/** The client's if it is harmless in a log. */
function requestId(given: string | null): string {
  return given !== null && /^[\w.-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}

function addressOf(environment: object | undefined): string {
  if (environment === undefined || !('incoming' in environment)) return 'here';
  return getConnInfo({ env: environment } as Parameters<typeof getConnInfo>[0]).remote.address ?? 'unknown';
}

/** The same stream, that tells of its end or of its reader's leaving, once. */
function withEnd(body: ReadableStream<Uint8Array>, done: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const next = await reader.read();
        if (!next.done) return controller.enqueue(next.value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      done();
    },
    async cancel(reason) {
      done();
      await reader.cancel(reason);
    },
  });
}
