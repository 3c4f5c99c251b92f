import type * as z from 'zod';
import { nearestName } from './errors.js';
import { shownValue } from './visible-text.js';

export type Issue = z.core.$ZodIssue;

export interface IssueWords {
  readonly received: string;
  readonly allowed?: string | undefined;
  readonly next?: string | undefined;
}

/** An issue found by zod, in the wording of decade's errors. */
export function describeIssue(issue: Issue, found: unknown): IssueWords {
  const received = shownValue(found);
  if (issue.message.startsWith('expected ')) return { received, allowed: issue.message.slice('expected '.length) };
  switch (issue.code) {
    case 'invalid_union':
      if (issue.errors.length > 0) return { received, allowed: eitherOf(issue.errors, found) };
      return { received, ...oneOf(found, (issue as { options?: readonly unknown[] }).options ?? []) };
    case 'invalid_value':
      return { received, ...oneOf(found, issue.values) };
    case 'invalid_type':
      return { received, allowed: typeName(issue.expected) };
    case 'too_small':
      return { received, allowed: bound(issue.origin, issue.inclusive ? 'at least' : 'more than', issue.minimum) };
    case 'too_big':
      return { received, allowed: bound(issue.origin, issue.inclusive ? 'at most' : 'less than', issue.maximum) };
    case 'custom':
      return { received: `${received}: ${issue.message}` };
    default:
      return { received, allowed: issue.message };
  }
}

function eitherOf(alternatives: readonly (readonly Issue[])[], found: unknown): string {
  const allowed = alternatives.flatMap(([first]) => (first === undefined ? [] : [describeIssue(first, found).allowed]));
  return [...new Set(allowed)].join(' or ');
}

function oneOf(found: unknown, values: readonly unknown[]): Pick<IssueWords, 'allowed' | 'next'> {
  const nearest = typeof found === 'string' ? nearestName(found, values.map(String)) : undefined;
  return {
    allowed: values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`,
    next: nearest === undefined ? undefined : `did you mean '${nearest}'?`,
  };
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    number: 'a number',
    int: 'an integer',
    string: 'text',
    boolean: 'true or false',
    object: 'a section',
    array: 'a list',
    map: 'a Map',
  };
  return names[expected] ?? expected;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string') return 'non-empty text';
  return origin === 'array' ? `a list of ${relation} ${limit}` : `a number of ${relation} ${limit}`;
}
