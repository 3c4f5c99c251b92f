import type * as z from 'zod';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { describeIssue } from '../core/issues.js';

/** A vocabulary of a million tokens has some 30 megabytes. */
const mostBytes = 64 * 1024 ** 2;

/**
 * The contents of a JSON file of another library.
 *
 * @param what  what it should be: `the configuration of a model`
 * @throws DecadeError `input` for what is no JSON or has another form
 */
export async function readJson<Schema extends z.ZodType>(
  files: Files,
  path: string,
  schema: Schema,
  what: string,
): Promise<z.output<Schema>> {
  const text = await readBoundedText(files, path, mostBytes, what);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DecadeError('input', { where: path, received: 'not JSON, or cut short', allowed: what, next: 'copy the file again', cause });
  }
  return checked(json, path, schema, what);
}

/** @throws DecadeError `input` for a value of another form, naming the key */
export function checked<Schema extends z.ZodType>(json: unknown, path: string, schema: Schema, what: string): z.output<Schema> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const found = issue?.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
  const { received, allowed = what } = issue === undefined ? { received: 'another form' } : describeIssue(issue, found);
  throw new DecadeError('input', { where: [path, ...(issue?.path ?? [])].join(': '), received, allowed });
}
