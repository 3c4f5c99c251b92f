import { DecadeError } from './errors.js';
import { shownValue } from './visible-text.js';

/** What a call may have besides its own options. */
interface Control {
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that are told something. */
const listeners = ['onProgress', 'onPrompt', 'onEnd', 'onEvent'];

/**
 * Throws `usage` unless `given` is a record of options or undefined, its `signal` an AbortSignal and what it wants to be told of,
 * such as `onProgress`, a function. To be called before options are spread, which takes anything for a record.
 */
export function requireOptions(where: string, given: (Control & object) | undefined): void {
  if (given === undefined) return;
  const refuse = (place: string, received: unknown, allowed: string) =>
    new DecadeError('usage', { where: place, received: shownValue(received), allowed });
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuse(where, given, 'a record of options, or nothing');
  const { signal, ...others } = given;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refuse(`${where}.signal`, signal, 'an AbortSignal');
  for (const [name, value] of Object.entries(others)) {
    if (listeners.includes(name) && value !== undefined && typeof value !== 'function')
      throw refuse(`${where}.${name}`, value, 'a function');
  }
}
