import type * as z from 'zod';
import { type ErrorParts, nearestName } from '../core/errors.js';
import { describeIssue, type Issue, type IssueWords } from '../core/issues.js';
import { shortened } from '../core/visible-text.js';
import type { ConfigurationDocument, KeyPath } from './configuration-document.js';
import { keysAt, kindsWith, valueAt } from './configuration-schema.js';

interface Mistake extends IssueWords {
  readonly path: KeyPath;
}

/** The most mistakes to report individually. */
const mostTold = 20;

/** The error for all mistakes in a configuration: one on one line, several with one line each. */
export function describeIssues(
  error: z.ZodError,
  schema: z.core.$ZodType,
  value: unknown,
  where: string,
  document: Pick<ConfigurationDocument, 'place'> | undefined,
): ErrorParts {
  const count = countOf(error.issues);
  const mistakes: Mistake[] = [];
  for (const mistake of mistakesOf(error.issues, [], schema, value)) if (mistakes.push(mistake) === mostTold) break;
  const placeOf = ({ path }: Mistake) => {
    const keys = path.map((key) => shortened(String(key)) || "''").join('.');
    return [document?.place(path), keys].filter((part) => part !== undefined && part !== '').join(': ');
  };
  const [only] = mistakes;
  if (count === 1 && only !== undefined) {
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
  const others = count - mistakes.length;
  const more = others <= 0 ? '' : `\n  and ${others.toLocaleString('en-US')} more`;
  return { where, received: `${count.toLocaleString('en-US')} mistakes${lines.join('')}${more}`, cause: error };
}

/** The mistakes one by one, so that of a hundred thousand unknown keys only the reported ones are compared with known keys. */
function* mistakesOf(issues: readonly Issue[], prefix: KeyPath, schema: z.core.$ZodType, value: unknown): Generator<Mistake> {
  for (const issue of issues) {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = keysAt(schema, path, value);
      const others = Object.keys(Object(valueAt(value, path))).filter((key) => !issue.keys.includes(key));
      for (const key of issue.keys) {
        yield misplacedKey([...path, key], kindsWith(schema, path, key)) ??
          (known.includes(key) ? excludedKey([...path, key], others) : unknownKey([...path, key], key, known));
      }
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      yield* mistakesOf(likeliest(issue.errors), path, schema, value);
    } else {
      const found = valueAt(value, path);
      // YAML makes numbers and truth values of text that looks like one.
      const isBare = issue.code === 'invalid_type' && issue.expected === 'string' && ['number', 'boolean'].includes(typeof found);
      yield { path, ...describeIssue(issue, found), ...(isBare && { next: 'put it in quotes' }) };
    }
  }
}

function countOf(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (issue.code === 'unrecognized_keys') return sum + issue.keys.length;
    return sum + (issue.code === 'invalid_union' && issue.errors.length > 0 ? countOf(likeliest(issue.errors)) : 1);
  }, 0);
}

/** The intended alternative is probably the one with the fewest mistakes. */
function likeliest(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
  return alternatives.reduce((best, issues) => (countOf(issues) < countOf(best) ? issues : best));
}

/** A key that another kind of the section has: `placement` beside `strategy: data`. */
function misplacedKey(path: KeyPath, kinds: readonly string[]): Mistake | undefined {
  if (kinds.length === 0) return undefined;
  const named = kinds.join(' or ');
  return { path, received: `only for ${named}`, next: `remove it, or set ${named}` };
}

/** A key of another alternative than those beside it: `source` beside `text`. */
function excludedKey(path: KeyPath, others: readonly string[]): Mistake {
  const named = others.join(' and ');
  return { path, received: `not together with ${named}`, next: `remove it, or ${named}` };
}

function unknownKey(path: KeyPath, key: string, known: readonly string[]): Mistake {
  const nearest = nearestName(key, known);
  return {
    path,
    received: 'unknown key',
    allowed: nearest === undefined ? `one of ${known.join(', ')}` : undefined,
    next: nearest === undefined ? undefined : `did you mean '${nearest}'?`,
  };
}
