import type * as z from 'zod';
import { type ErrorParts, nearestName } from '../core/errors.js';
import { describeIssue, type Issue, type IssueWords } from '../core/issues.js';
import { shortened } from '../core/visible-text.js';
import type { ConfigurationDocument, KeyPath } from './configuration-document.js';
import { keysAt, kindsWith, valueAt } from './configuration-schema.js';

interface Mistake extends IssueWords {
  readonly path: KeyPath;
}

/** What a schema has against a value, and where the value stands. */
export interface RefusedValue {
  readonly error: z.ZodError;
  readonly schema: z.core.$ZodType;
  readonly value: unknown;
  readonly document: Pick<ConfigurationDocument, 'place'> | undefined;
}

/** The most mistakes to report individually. */
const mostTold = 20;

/**
 * The error for all mistakes in a configuration: one on one line, several with one line each. What several values share, as the sizes of
 * a network do, is told once.
 */
export function describeIssues(refused: readonly RefusedValue[], where: string): ErrorParts {
  let count = refused.reduce((sum, { error }) => sum + countOf(error.issues), 0);
  const cause = refused[0]?.error;
  const told = new Map<string, IssueWords & { readonly place: string }>();
  for (const { place, words } of placedMistakes(refused)) {
    const line = describeMistake(place, words);
    if (told.has(line)) count--;
    else told.set(line, { place, ...words });
    if (told.size === mostTold) break;
  }
  const [only] = told.values();
  if (count === 1 && only !== undefined) {
    const { place, received, allowed, next } = only;
    return {
      where: [where, place].filter((part) => part !== '').join(': '),
      received,
      ...(allowed && { allowed }),
      ...(next && { next }),
      cause,
    };
  }
  const others = count - told.size;
  const more = others <= 0 ? '' : `\n  and ${others.toLocaleString('en-US')} more`;
  return { where, received: `${count.toLocaleString('en-US')} mistakes${[...told.keys()].join('')}${more}`, cause };
}

function* placedMistakes(refused: readonly RefusedValue[]): Generator<{ readonly place: string; readonly words: IssueWords }> {
  for (const { error, schema, value, document } of refused) {
    for (const { path, ...words } of mistakesOf(error.issues, [], schema, value)) {
      const keys = path.map((key) => shortened(String(key)) || "''").join('.');
      const place = [document?.place(path), keys].filter((part) => part !== undefined && part !== '').join(': ');
      yield { place, words };
    }
  }
}

function describeMistake(place: string, { received, allowed, next }: IssueWords): string {
  return `\n  ${place}: ${received}${allowed === undefined ? '' : `; expected ${allowed}`}${next === undefined ? '' : `; ${next}`}`;
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

/** The intended alternative is probably the one with the fewest mistakes; of two, that which refuses parts of the value, not all of it. */
function likeliest(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
  const mistakes = (issues: readonly Issue[]) => countOf(issues) + (issues.some(({ path }) => path.length === 0) ? 0.5 : 0);
  return alternatives.reduce((best, issues) => (mistakes(issues) < mistakes(best) ? issues : best));
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
