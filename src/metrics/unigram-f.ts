import type { NgramScore } from './ngram-metric.js';
import { splitWords } from './tokenization.js';

/** The F-score (F1) of words between white space, their order aside: the cheapest score of two texts that says something. */
export function unigramF(): NgramScore {
  const ofPair = new Float64Array(3);
  return {
    units: [{ order: 1, split: splitWords }],
    statisticsOf(hypothesis, reference, matches) {
      ofPair[0] = hypothesis[0] as number;
      ofPair[1] = reference[0] as number;
      ofPair[2] = matches[0] as number;
      return ofPair;
    },
    score([hypothesis = 0, reference = 0, matches = 0]) {
      return { score: matches === 0 ? 0 : (200 * matches) / (hypothesis + reference), details: {} };
    },
  };
}
