import { DecadeError } from './errors.js';
import { shownValue } from './visible-text.js';

/** The kind of items in a list: a test for one, and its name. */
export interface ItemKind {
  readonly is: (item: unknown) => boolean;
  readonly name: string;
}

export const text: ItemKind = { is: (item) => typeof item === 'string', name: 'text' };

/** Of the texts of one set, an item may be missing. */
export const textOrNothing: ItemKind = { is: (item) => item === undefined || typeof item === 'string', name: 'text or undefined' };

/**
 * Throws `usage` unless `given` is a list of such items; the first that is not is named by its number, from 1 on. TypeScript
 * checks this, but values from JSON or JavaScript are first checked here, and a text read as a list of its characters would
 * silently give results.
 */
export function requireList(where: string, given: unknown, kind: ItemKind = text): asserts given is readonly unknown[] {
  if (!Array.isArray(given)) throw new DecadeError('usage', { where, received: shownValue(given), allowed: `a list of ${kind.name}` });
  // Not `every`, which passes over the holes of a sparse list.
  for (let index = 0; index < given.length; index++) requireItem(`${where}, item ${index + 1}`, given[index], kind);
}

/** Throws `usage` unless `given` is a list of lists of such items. */
export function requireLists(where: string, given: unknown, kind: ItemKind = text): void {
  requireList(where, given, { is: Array.isArray, name: `lists of ${kind.name}` });
  for (const [index, list] of given.entries()) requireList(`${where}, list ${index + 1}`, list, kind);
}

/** Throws `usage` unless `given` is such an item. */
export function requireItem(where: string, given: unknown, { is, name }: ItemKind): void {
  if (!is(given)) throw new DecadeError('usage', { where, received: shownValue(given), allowed: name });
}

/** Throws `usage` unless items can be taken from `given` one after the other. A text is refused: its items are characters. */
export function requireStream(where: string, given: unknown): void {
  const isStream = typeof given === 'object' && given !== null && (Symbol.asyncIterator in given || Symbol.iterator in given);
  if (!isStream) throw new DecadeError('usage', { where, received: shownValue(given), allowed: 'a list or a stream of text' });
}
