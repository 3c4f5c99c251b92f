import { DecadeError } from '../core/errors.js';
import type { Tokenizer } from '../text/tokenizer.js';

/*
 * What stands in the worker that translates for text/imported/read-imported.ts (scripts/build.mjs): tokenizers of others are a tenth of what a
 * page may load, and only pages with imported models need them.
 */

export function readImported(_file: unknown, where: string): Tokenizer {
  throw new DecadeError('usage', {
    where,
    received: 'the tokenizer of an imported model',
    allowed: 'in a page so far: models that decade has trained',
    next: 'use this model under Node',
  });
}
