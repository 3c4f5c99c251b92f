import { DecadeError } from '../../core/errors.js';
import { shownValue } from '../../core/visible-text.js';
import type { Criterion } from './criterion.js';
import { type CandidateWeights, distinctTexts } from './distinct-texts.js';

export interface SelfConsistencyOptions {
  /** How much each candidate counts; see `distinctTexts` for the default. */
  readonly weights?: CandidateWeights | undefined;
  /** Whether texts that differ in case alone agree. */
  readonly lowercase: boolean;
  /** The answer within a text: candidates agree when their answers do. Default: the whole text. */
  readonly answer?: ((text: string) => string) | undefined;
}

/**
 * Self-consistency (Wang et al. 2022): every candidate is worth the share of all candidates, from 0 to 1, that have its answer. Answers
 * are compared in Unicode's composed form (NFC), without white space at their ends and with one space for each run of it within.
 */
export function selfConsistency({ weights, lowercase, answer = (text) => text }: SelfConsistencyOptions): Criterion {
  const compared = (text: string): string => {
    const given: unknown = answer(text);
    if (typeof given !== 'string') {
      throw new DecadeError('usage', { where: 'selection by self-consistency.answer', received: shownValue(given), allowed: 'text' });
    }
    const plain = given.normalize('NFC').replace(/\s+/gu, ' ').trim();
    return lowercase ? plain.toLowerCase() : plain;
  };
  return {
    name: 'votes',
    valuations: async (lists, { signal }) =>
      lists.map((list) => {
        signal?.throwIfAborted();
        const started = performance.now();
        const { places, weights: shares } = distinctTexts(list, weights, compared);
        const values = Float64Array.from(places, (place) => shares[place] as number);
        return { values, cost: { evaluations: 0, operations: 0, seconds: (performance.now() - started) / 1000 } };
      }),
  };
}
