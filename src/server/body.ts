import type { Context } from 'hono';
import { Refusal } from './refusal.js';

/** What a request carries, by name; null counts as absent. A name that a form repeats has a list of its values. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads JSON or a form.
 *
 * @throws Refusal 413 for a body of more bytes, 400 for one that cannot be read, 415 for one of another kind
 */
export async function readFields(context: Context, mostBytes: number): Promise<Fields> {
  const request = context.req.raw;
  const type = (request.headers.get('content-type') ?? '').toLowerCase();
  const bytes = await boundedBytes(request, mostBytes);
  if (type.startsWith('application/x-www-form-urlencoded') || type.startsWith('multipart/form-data')) {
    const form = await new Response(bytes, { headers: { 'content-type': request.headers.get('content-type') ?? '' } })
      .formData()
      .catch(() => undefined);
    if (form === undefined) throw new Refusal(400, 'Invalid request: the form cannot be read');
    const fields: Record<string, unknown> = {};
    for (const name of new Set(form.keys())) {
      const values = form.getAll(name);
      fields[name] = values.length > 1 ? values : values[0];
    }
    return fields;
  }
  if (type !== '' && !type.includes('json') && !type.startsWith('text/plain')) {
    throw new Refusal(415, `${type.split(';')[0]} is not supported; send application/json or a form`);
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal(400, 'Invalid request: the body is not JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Refusal(400, 'Invalid request: the body is not a JSON object');
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
}

async function boundedBytes(request: Request, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new Refusal(413, `Invalid request: the body has more than ${most} bytes. Send the texts in several requests`);
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of request.body ?? []) {
      length += part.length;
      if (length > most) throw tooLarge();
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(499, 'The request ended before its body did');
  }
  const bytes = new Uint8Array(length);
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}
