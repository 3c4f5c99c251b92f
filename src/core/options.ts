import * as z from 'zod';
import { DecadeError, nearestName } from './errors.js';
import { describeIssue } from './issues.js';
import { shortened } from './visible-text.js';

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
