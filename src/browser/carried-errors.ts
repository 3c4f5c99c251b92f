import { DecadeError, type ErrorKind, type ErrorParts } from '../core/errors.js';

/*
 * A message carries an error without its class and its own fields. So that results and failures are the same on both sides of a port,
 * errors of the library travel as records, wherever in a value they are.
 */

/** An error of the library without its class and cause. */
interface CarriedError {
  readonly decadeError: ErrorKind;
  readonly parts: Omit<ErrorParts, 'cause'>;
}

/** A value as a message can carry it. */
export function toCarry(value: unknown): unknown {
  if (isLibraryError(value)) {
    const { cause: _, ...parts } = value.parts;
    return { decadeError: value.kind, parts } satisfies CarriedError;
  }
  return within(value, toCarry);
}

/** The value that was carried. */
export function carried(value: unknown): unknown {
  return isError(value) ? new DecadeError(value.decadeError, value.parts) : within(value, carried);
}

/** Also one of a part that was loaded later (scripts/build.mjs), which has a class of its own. */
export function isLibraryError(value: unknown): value is DecadeError {
  return value instanceof Error && value.name === 'DecadeError' && 'parts' in value;
}

function isError(value: unknown): value is CarriedError {
  return typeof value === 'object' && value !== null && 'decadeError' in value && 'parts' in value;
}

/** A list or a record with every value replaced; anything else as it is. */
function within(value: unknown, replaced: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(replaced);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each)]));
}
