import { DecadeError } from '../core/errors.js';
import type { Corpus } from '../data/corpus.js';
import { isText } from '../data/sources.js';
import type { Model } from '../models/model.js';
import type { Configuration } from './configuration.js';

/** Keys that were given another value than their default, and change nothing here. */
export function optionsWithoutEffect({ data }: Configuration, { summary }: Model): string[] {
  const ofText = (['context', 'across'] as const).filter((key) => data[key] !== undefined && !isText(data.train));
  return [...ofText.map((key) => `data.${key}`), ...(summary.withoutEffect ?? [])];
}

/** Throws `usage` where a model has no positions for a pair, with as many as the longest takes. */
export function requireRoom({ lengthLimits, vocabularies }: Model, { lengths, pairs }: Corpus, part: string): void {
  if (lengthLimits === undefined) return;
  const isText = vocabularies.source === undefined;
  let [isShort, needed] = [false, 0];
  for (let pair = 0; pair < pairs; pair++) {
    const [source, target] = [lengths.source[pair] as number, lengths.target[pair] as number];
    const predicted = target + 1;
    isShort ||= predicted > lengthLimits.target(source);
    needed = Math.max(needed, lengthLimits.positions(source, predicted));
  }
  if (!isShort) return;
  throw new DecadeError('usage', {
    where: 'model.maximumLength',
    received: `too few positions for the longest ${isText ? 'context' : 'pair'} of ${part}`,
    allowed: `at least ${needed.toLocaleString('en')}`,
    next: `set model.maximumLength=${needed}, or lower ${isText ? 'data.context' : 'data.maximumLength'}`,
  });
}
