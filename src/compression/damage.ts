import { DecadeError } from '../core/errors.js';

/** Something in a file is not what was written there; `place` says what. */
export function damaged(name: string, place: string): DecadeError {
  return new DecadeError('input', {
    where: `${name}: ${place}`,
    received: 'damaged data',
    allowed: 'the file as decade compress wrote it',
    next: 'copy the file again',
  });
}
