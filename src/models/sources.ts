import { DecadeError } from '../core/errors.js';

/** Throws `input` for a sentence that is not empty, naming its place: a language model would not read it. */
export function requireNoSources(sources: readonly ArrayLike<number>[]): void {
  const given = sources.findIndex(({ length }) => length > 0);
  if (given < 0) return;
  throw new DecadeError('input', {
    where: `batch, sentence ${given}`,
    received: 'a source sentence for a language model',
    allowed: 'no source',
    next: 'give the text as the target, or as a prefix of it',
  });
}

/** The error for a sentence without tokens, for a model that reads sources. */
export function emptySource(sentence: number): DecadeError {
  return new DecadeError('input', {
    where: `batch, sentence ${sentence}`,
    received: 'an empty source sentence',
    allowed: 'at least one source token',
    next: 'drop empty pairs before making batches',
  });
}
