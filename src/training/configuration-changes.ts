import { DecadeError } from '../core/errors.js';
import type { Configuration } from './configuration.js';

/**
 * What a resumed run may have otherwise than it began: when it stops, looks and saves, and where its corpora lie (their
 * contents are compared by themselves). Everything else would make it another run.
 */
const changeable = [
  'data.train',
  'data.dev',
  'training.stop',
  'training.validate.every',
  'training.validate.patience',
  'training.checkpoint',
  'training.report',
  // Another strategy is another placement, which is asked about by itself.
  'training.parallel',
];

/** Throws `usage` when a resumed run's configuration differs from the run's in what cannot change; names every such key. */
export function requireResumable(before: Configuration, now: Configuration, where: string): void {
  const [was, is] = [leavesOf(before), leavesOf(now)];
  const differing = [...new Set([...was.keys(), ...is.keys()])].filter((key) => was.get(key) !== is.get(key));
  const refused = differing.filter((key) => !changeable.some((prefix) => key === prefix || key.startsWith(`${prefix}.`)));
  if (refused.length === 0) return;
  const changes = refused.map((key) => `${key} ${is.get(key) ?? 'not set'} (was ${was.get(key) ?? 'not set'})`);
  throw new DecadeError('usage', {
    where: `${where}, resuming`,
    received: changes.join(', '),
    allowed: `changes only below ${changeable.join(', ')}`,
    next: 'set it back, or start another run with --init',
  });
}

/** Every value by its key path, as JSON. */
function leavesOf(value: unknown, path = '', leaves = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) leavesOf(inner, path === '' ? key : `${path}.${key}`, leaves);
  } else if (value !== undefined) {
    leaves.set(path, JSON.stringify(value));
  }
  return leaves;
}
