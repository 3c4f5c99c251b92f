import * as z from 'zod';
import { resolveOptions } from '../core/options.js';
import { normalise } from '../text/normalisation.js';
import type { Metric } from './metric.js';

const exactMatchOptions = z.strictObject({
  lowercase: z.boolean().default(false),
});

/**
 * Sentences, in per cent, that equal one of their references as a model sees text (see `normalise`), so that its own output can
 * equal what it was trained on, white space at the ends aside. Statistics: equal, all.
 */
export function exactMatch(given: z.input<typeof exactMatchOptions> = {}): Metric {
  const { lowercase } = resolveOptions(exactMatchOptions, given, 'exact match options');
  const comparable = (text: string) => normalise(text, { lowercase }).trim();
  return {
    name: 'exact',
    label: 'exact match',
    higherIsBetter: true,
    // No metric of sacreBLEU, so its version is not named.
    signature: (references) => `nrefs:${references}|case:${lowercase ? 'lc' : 'mixed'}`,
    statistics: (hypothesis, references) =>
      Float64Array.of(references.some((reference) => comparable(reference) === comparable(hypothesis)) ? 1 : 0, 1),
    score(statistics) {
      const [matches = 0, sentences = 0] = statistics;
      return { score: sentences === 0 ? 0 : (100 * matches) / sentences, details: { matches, sentences } };
    },
  };
}
