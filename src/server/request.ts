import type { Context } from 'hono';
import type * as z from 'zod';
import { unlessAborted } from '../core/event-loop.js';
import { describeIssue } from '../core/issues.js';
import { Refusal } from './refusal.js';

/** What is known of a request: noted by those who answer it, written to the log without any text. */
export interface RequestNotes {
  readonly id: string;
  /** Aborts when the client leaves, when the deadline passes, or with the request. */
  readonly signal: AbortSignal;
  /** The client's address. */
  readonly address: string;
  path?: string;
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

/** A signal of a request, to be released at its end. */
export function requestSignal(client: AbortSignal, deadline: number) {
  const controller = new AbortController();
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

/** What a request carries, by name; null counts as absent. A name that a form repeats has a list of its values. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads JSON or a form.
 *
 * @throws Refusal 413 for a body of more bytes, 408 for one that does not arrive before the deadline, 400 for one that cannot be read,
 *   415 for one of another kind
 */
export async function readFields(context: ServerContext, mostBytes: number): Promise<Fields> {
  const given = context.req.header('content-type') ?? '';
  const type = given.toLowerCase();
  const isForm = type.startsWith('application/x-www-form-urlencoded') || type.startsWith('multipart/form-data');
  if (!isForm && type !== '' && !type.includes('json') && !type.startsWith('text/plain')) {
    throw new Refusal(415, `${type.split(';')[0]} is not supported; send application/json or a form`);
  }
  const encoding = context.req.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') throw new Refusal(415, `Content-Encoding ${encoding} is not supported; send the body as it is`);
  const bytes = await readBody(context, mostBytes);
  return isForm ? formFields(bytes, given) : jsonFields(bytes);
}

async function formFields(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<Fields> {
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData().catch(() => undefined);
  if (form === undefined) throw new Refusal(400, 'Invalid request: the form cannot be read');
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name);
      return [name, values.length > 1 ? values : values[0]];
    }),
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function jsonFields(bytes: Uint8Array): Fields {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal(400, 'Invalid request: the body is not UTF-8');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'Invalid request: the body is not JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Refusal(400, 'Invalid request: the body is not a JSON object');
  }
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
}

async function readBody(context: ServerContext, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const { raw: request } = context.req;
  const { signal } = context.env.notes;
  const declared = context.req.header('content-length');
  if (Number(declared ?? 0) > most) throw tooLarge(most);
  try {
    // Node holds a client to the length that it declared.
    const whole = declared === undefined ? boundedBytes(request, most) : request.arrayBuffer().then((buffer) => new Uint8Array(buffer));
    return await unlessAborted(whole, signal);
  } catch (error) {
    if (error instanceof Refusal && error.status === 504) throw new Refusal(408, 'The body did not arrive in time', { retryAfter: 1 });
    if (error instanceof Refusal) throw error;
    throw new Refusal(499, 'The request ended before its body did');
  }
}

async function boundedBytes(request: Request, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > most) throw tooLarge(most);
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

function tooLarge(most: number): Refusal {
  return new Refusal(413, `Invalid request: the body has more than ${most} bytes. Send the texts in several requests`);
}

/**
 * The fields as a schema has them.
 *
 * @param before  what every message begins with
 * @throws Refusal 400 that names the field, what it was and what it may be
 */
export function checkFields<Schema extends z.ZodType>(schema: Schema, fields: Fields, before = ''): z.output<Schema> {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new Refusal(400, `${before}the fields cannot be read`);
  if (issue.code === 'unrecognized_keys') {
    const [parameter = ''] = issue.keys;
    throw new Refusal(400, `${before}${issue.message}`, { parameter });
  }
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], fields);
  const { received, allowed, next } = describeIssue(issue, found);
  const name = issue.path.join('.');
  const was = found === undefined ? `missing ${name}` : `${name}: ${received}`;
  const words = [was, allowed && `expected ${allowed}`, next].filter((each) => each !== undefined);
  throw new Refusal(400, before + words.join('; '), { parameter: String(issue.path[0] ?? '') });
}

/** What a strict schema says of a field that it does not have. */
export function unknownField(names: readonly string[]) {
  return (issue: z.core.$ZodRawIssue): string | undefined =>
    issue.code === 'unrecognized_keys' ? `unknown argument ${issue.keys.join(', ')}; known: ${names.join(', ')}` : undefined;
}
