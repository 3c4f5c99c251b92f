import type { z } from 'zod';
import { type ErrorParts, nearestName } from '../core/errors.js';
import type { ConfigurationDocument, KeyPath } from './configuration-document.js';

type Issue = z.core.$ZodIssue;

/** One mistake in words. */
interface Mistake {
  readonly path: KeyPath;
  readonly received: string;
  readonly allowed?: string | undefined;
  readonly next?: string | undefined;
}

/** The error for everything that is wrong with a configuration: one mistake on one line, several each on a line of its own. */
export function describeIssues(
  error: z.ZodError,
  schema: z.core.$ZodType,
  value: unknown,
  where: string,
  document: ConfigurationDocument | undefined,
): ErrorParts {
  const mistakes = error.issues.flatMap((issue) => mistakesOf(issue, [], schema, value));
  const placeOf = ({ path }: Mistake) =>
    [document?.place(path), path.map(String).join('.')].filter((part) => part !== undefined && part !== '').join(': ');
  const [only] = mistakes;
  if (mistakes.length === 1 && only !== undefined) {
    const { received, allowed, next } = only;
    return {
      where: [where, placeOf(only)].filter((part) => part !== '').join(': '),
      received,
      ...(allowed && { allowed }),
      ...(next && { next }),
      cause: error,
    };
  }
  const lines = mistakes.map((mistake) => {
    const allowed = mistake.allowed === undefined ? '' : `; expected ${mistake.allowed}`;
    const next = mistake.next === undefined ? '' : `; ${mistake.next}`;
    return `\n  ${placeOf(mistake)}: ${mistake.received}${allowed}${next}`;
  });
  return { where, received: `${mistakes.length} mistakes${lines.join('')}`, cause: error };
}

function mistakesOf(issue: Issue, prefix: KeyPath, schema: z.core.$ZodType, value: unknown): Mistake[] {
  const path = [...prefix, ...issue.path];
  const found = valueAt(value, path);
  const received = shown(found);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = keysOf(schema, path, value);
        const nearest = nearestName(key, known);
        return {
          path: [...path, key],
          received: 'unknown key',
          allowed: nearest === undefined ? `one of ${known.join(', ')}` : undefined,
          next: nearest === undefined ? undefined : `did you mean '${nearest}'?`,
        };
      });
    case 'invalid_union': {
      const { options } = issue as { options?: readonly unknown[] };
      if (issue.errors.length === 0) return [{ path, received, ...oneOf(found, options ?? []) }];
      // The alternative that was probably meant is the one with least wrong.
      const weight = (issues: readonly Issue[]) =>
        issues.reduce((sum, each) => sum + (each.code === 'unrecognized_keys' ? each.keys.length : 1), 0);
      const [nearest] = [...issue.errors].sort((a, b) => weight(a) - weight(b));
      return (nearest ?? []).flatMap((each) => mistakesOf(each, path, schema, value));
    }
    case 'invalid_value':
      return [{ path, received, ...oneOf(found, issue.values) }];
    case 'invalid_type':
      return [{ path, received, allowed: typeName(issue.expected) }];
    case 'too_small':
      return [{ path, received, allowed: bound(issue.origin, issue.inclusive ? 'at least' : 'more than', issue.minimum) }];
    case 'too_big':
      return [{ path, received, allowed: bound(issue.origin, issue.inclusive ? 'at most' : 'less than', issue.maximum) }];
    case 'custom':
      if (issue.message.startsWith('expected ')) return [{ path, received, allowed: issue.message.slice('expected '.length) }];
      return [{ path, received: `${received}: ${issue.message}` }];
    default:
      return [{ path, received, allowed: issue.message.replace(/^expected /, '') }];
  }
}

function oneOf(found: unknown, values: readonly unknown[]): Pick<Mistake, 'allowed' | 'next'> {
  const nearest = typeof found === 'string' ? nearestName(found, values.map(String)) : undefined;
  return {
    allowed: values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`,
    next: nearest === undefined || nearest === found ? undefined : `did you mean '${nearest}'?`,
  };
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    number: 'a number',
    int: 'a whole number',
    string: 'text',
    boolean: 'true or false',
    object: 'keys with values',
    array: 'a list',
  };
  return names[expected] ?? expected;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string') return 'text that is not empty';
  return origin === 'array' ? `a list of ${relation} ${limit}` : `a number of ${relation} ${limit}`;
}

/** What came, short enough for a line. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'no value';
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}

/** The keys that a schema knows at a place of a value; of alternatives, those of the kind that the value names. */
function keysOf(schema: z.core.$ZodType, path: KeyPath, value: unknown): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return keysOf(def.innerType, path, value);
    case 'pipe':
      return keysOf(def.in, path, value);
    case 'union': {
      const known = def.options.flatMap((option) => (acceptsKind(option, value) ? keysOf(option, path, value) : []));
      return [...new Set(known)];
    }
    case 'object': {
      const [key, ...rest] = path;
      if (key === undefined) return Object.keys(def.shape);
      const inner = def.shape[String(key)];
      return inner === undefined ? [] : keysOf(inner, rest, valueAt(value, [key]));
    }
    default:
      return [];
  }
}

function acceptsKind(option: z.core.$ZodType, value: unknown): boolean {
  const kinds = option._zod.propValues?.kind;
  const kind = valueAt(value, ['kind']);
  return kinds === undefined || kind === undefined || kinds.has(kind as z.core.util.Primitive);
}
