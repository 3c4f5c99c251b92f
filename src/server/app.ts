import { getConnInfo } from '@hono/node-server/conninfo';
import { Hono } from 'hono';
import type { ContentfulStatusCode, StatusCode } from 'hono/utils/http-status';
import { DecadeError } from '../core/errors.js';
import { unlessAborted } from '../core/event-loop.js';
import { type Charge, Doors, Gate } from './access.js';
import { deepl, deeplOperations } from './apis/deepl.js';
import { libreTranslate, libreTranslateOperations } from './apis/libretranslate.js';
import { openAi, openAiFailure, openAiOperations } from './apis/openai.js';
import { openApiDocument } from './openapi.js';
import { pages } from './pages.js';
import { Refusal, type RefusalStatus } from './refusal.js';
import { type RequestNotes, requestSignal, type ServerContext, type ServerEnvironment } from './request.js';
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
  /** Answers `/mcp`, and counts the texts of a call before it works on them. */
  readonly agents?: ((request: Request, charge: Charge) => Promise<Response>) | undefined;
}

const operations = [...libreTranslateOperations, ...deeplOperations, ...openAiOperations];

/** Routes with one method; another gets a 405. */
const routes: Readonly<Record<string, 'GET' | 'POST'>> = Object.fromEntries([
  ...operations.map(({ method, path }) => [path, method.toUpperCase()]),
  ...['/spec', '/openapi.json', '/metrics', '/'].map((path) => [path, 'GET']),
  ...['/suggest', '/translate_file'].map((path) => [path, 'POST']),
]);

/** The APIs as one web-standard `fetch`. */
export class App {
  readonly #service: Service;
  readonly #hono = new Hono<ServerEnvironment>();
  readonly #log: NonNullable<AppParts['log']>;
  readonly #underWay = new Set<Promise<void>>();
  #health: { readonly until: number; readonly answer: Promise<void> } | undefined;

  constructor({ service, version, log = () => {}, agents }: AppParts) {
    this.#service = service;
    this.#log = log;
    const doors = new Doors(service.options);
    const gate = new Gate(service.options);
    const app = this.#hono;
    app.use(async (context, next) => {
      // What is set before anyone answers is in every answer, errors too.
      context.header('X-Request-Id', context.env.notes.id);
      context.env.notes.path = context.req.path;
      const origin = doors.check(context.req.header('host') ?? new URL(context.req.url).host, context.req.header('origin'));
      if (origin !== undefined) allowOrigin(context, origin);
      if (context.req.method !== 'OPTIONS') return next();
      return context.body(null, 204, { Allow: `${routes[context.req.path] ?? 'GET, POST'}, OPTIONS` });
    });
    app.get('/health/live', (context) => context.json({ status: 'ok' }));
    app.get('/health', async (context) => {
      await this.#healthy();
      return context.json({ status: 'ok' });
    });
    const document = openApiDocument(operations, version);
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
      app.all('/mcp', async (context) => {
        gate.requireKeyInHeader(context);
        const { signal } = context.env.notes;
        const charge = (texts: number) => gate.charge(context, {}, texts);
        return withHeadersOf(context, await unlessAborted(agents(new Request(context.req.raw, { signal }), charge), signal));
      });
    }
    app.route('/', pages(service));
    app.notFound((context) => {
      const { path } = context.req;
      const method = routes[path];
      if (method === undefined) throw new Refusal(404, `Nothing is served at ${path}; /openapi.json says what is`);
      context.header('Allow', `${method}, OPTIONS`);
      throw new Refusal(405, `The method is not allowed: ${path} takes ${method}`);
    });
    app.onError((error, context) => {
      context.env.notes.error = error;
      return failure(context, refusalOf(error));
    });
  }

  /** Answers a request. `environment` is what `@hono/node-server` hands over. */
  async fetch(request: Request, environment?: object): Promise<Response> {
    const started = performance.now();
    const { signal, release } = requestSignal(request.signal, this.#service.options.deadline);
    const notes: RequestNotes = { id: requestId(request.headers.get('x-request-id')), signal, address: addressOf(environment) };
    let ended = () => {};
    const work = new Promise<void>((resolve) => {
      ended = resolve;
    });
    this.#underWay.add(work);
    const response = await this.#hono.fetch(request, { ...environment, notes });
    const end = () => {
      release();
      this.#underWay.delete(work);
      ended();
      this.#note(request.method, response.status, performance.now() - started, notes);
    };
    // Only a stream is asked for its body: to ask costs more than to answer.
    const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream') && response.body !== null;
    if (!isStream || response.body === null) {
      end();
      return response;
    }
    return new Response(withEnd(response.body, end), { status: response.status, headers: response.headers });
  }

  /** Begins no batch before: what computes on this thread keeps clients at the door. */
  hold(until: Promise<void>): void {
    for (const { sentences } of this.#service.models) sentences.hold(until);
  }

  /** Resolves when every request that was begun has been answered. */
  async idle(): Promise<void> {
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

  #note(method: string, status: number, milliseconds: number, notes: RequestNotes): void {
    const { path = '' } = notes;
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

/** LibreTranslate asks for a key by a 400. */
const asksBy400 = new Set(libreTranslateOperations.map(({ path }) => path));

/** An error in the shape of the API that was called. */
function failure(context: ServerContext, { status, message, retryAfter, parameter }: Refusal): Response {
  const { path } = context.req;
  if (retryAfter !== undefined) context.header('Retry-After', String(retryAfter));
  // What is left of the body is not waited for.
  if (status === 408 || status === 413) context.header('Connection', 'close');
  const answer = (code: RefusalStatus, body: object) => {
    if (code === 401) context.header('WWW-Authenticate', 'Bearer');
    return context.json(body, code as ContentfulStatusCode);
  };
  if (path.startsWith('/v1/')) return answer(status, openAiFailure(status, message, parameter));
  if (path.startsWith('/v2/')) return answer(status === 401 ? 403 : status, { message });
  return answer(status === 401 && asksBy400.has(path) ? 400 : status, { error: message });
}

/** Pages of this origin may read the answers. */
function allowOrigin(context: ServerContext, origin: string): void {
  context.header('Access-Control-Allow-Origin', origin);
  context.header('Access-Control-Allow-Methods', 'GET, POST');
  context.header('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-API-Key, Mcp-Protocol-Version');
  context.header('Access-Control-Expose-Headers', 'X-Request-Id, Retry-After');
  context.header('Vary', 'Origin', { append: true });
}

/** An answer made elsewhere, with the headers that every answer has. */
function withHeadersOf(context: ServerContext, { body, status, headers }: Response): Response {
  return context.newResponse(body, status as StatusCode, Object.fromEntries(headers));
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
