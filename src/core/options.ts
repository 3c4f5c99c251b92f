import * as z from 'zod';
import { DecadeError, nearestName } from './errors.js';
import { describeIssue } from './issues.js';
import { shortened, shownValue } from './visible-text.js';

/**
 * Options with their defaults.
 *
 * @param where    what they are of, for messages: `decoding options`
 * @param control  further options of the call, which `given` no longer has: `signal`
 * @throws DecadeError `usage` for a key or a value that is not allowed, with the key that was probably meant
 */
export function resolveOptions<Schema extends z.ZodType>(
  schema: Schema,
  given: z.input<Schema>,
  where: string,
  control: readonly string[] = [],
): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  const place = [where, ...path].join('.');
  if (issue?.code !== 'unrecognized_keys') {
    const found = path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given);
    const { received, allowed, next } =
      issue === undefined ? { received: 'invalid options', allowed: undefined, next: undefined } : describeIssue(issue, found);
    throw new DecadeError('usage', { where: place, received, ...(allowed && { allowed }), ...(next && { next }) });
  }
  const [key = ''] = issue.keys;
  const names = schema instanceof z.ZodObject && issue.path.length === 0 ? [...Object.keys(schema.shape), ...control] : [];
  const nearest = nearestName(key, names);
  throw new DecadeError('usage', {
    where: place,
    received: `unknown option "${shortened(key)}"`,
    ...(names.length > 0 && { allowed: names.join(', ') }),
    ...(nearest !== undefined && { next: `did you mean ${nearest}?` }),
  });
}

/** What a call may have besides its own options. */
interface Control {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Throws `usage` unless `given` is a record of options or undefined, its `signal` an AbortSignal and what it wants to be told of,
 * `onProgress` or `onPrompt`, a function. To be called before options are spread, which takes anything for a record.
 */
export function requireOptions(where: string, given: (Control & object) | undefined): void {
  if (given === undefined) return;
  const refuse = (place: string, received: unknown, allowed: string) =>
    new DecadeError('usage', { where: place, received: shownValue(received), allowed });
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuse(where, given, 'a record of options, or nothing');
  const { signal, ...others } = given;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refuse(`${where}.signal`, signal, 'an AbortSignal');
  for (const [name, value] of Object.entries(others)) {
    const isListener = name === 'onProgress' || name === 'onPrompt';
    if (isListener && value !== undefined && typeof value !== 'function') throw refuse(`${where}.${name}`, value, 'a function');
  }
}
