import { DecadeError } from '../../core/errors.js';
import type { CandidateList } from './criterion.js';

/**
 * How much each candidate counts:
 *   `uniform`      all the same, which for samples is what their probability asks for
 *   `probability`  its probability divided by that of all candidates of the list (Kumar and Byrne 2004)
 * A text that several candidates have counts as much as all of them together.
 */
export type CandidateWeights = 'uniform' | 'probability';

/** The texts of a list, each once, in the order in which they first occur. */
export interface DistinctTexts {
  readonly texts: readonly string[];
  /** The text of each candidate. */
  readonly places: Int32Array;
  /** Of each text; the sum is 1. */
  readonly weights: Float64Array;
}

/**
 * @param weights  default: `probability` for what a beam has found, `uniform` for samples and where nobody knows
 * @throws DecadeError `usage` for probabilities that the list does not have
 */
export function distinctTexts(
  { candidates, areSamples }: CandidateList,
  weights: CandidateWeights | undefined,
  textOf: (text: string) => string = (text) => text,
): DistinctTexts {
  const places = new Map<string, number>();
  const placeOf = ({ text }: { readonly text: string }) => {
    const compared = textOf(text);
    const known = places.get(compared) ?? places.size;
    places.set(compared, known);
    return known;
  };
  const placesOf = Int32Array.from(candidates, placeOf);
  const byProbability = (weights ?? (areSamples === false ? 'probability' : 'uniform')) === 'probability';
  const likeliest = byProbability ? Math.max(...candidates.map(logProbabilityOf)) : 0;
  const summed = new Float64Array(places.size);
  let all = 0;
  for (const [index, candidate] of candidates.entries()) {
    const weight = byProbability ? Math.exp(logProbabilityOf(candidate) - likeliest) : 1;
    const place = placesOf[index] as number;
    summed[place] = (summed[place] as number) + weight;
    all += weight;
  }
  return { texts: [...places.keys()], places: placesOf, weights: summed.map((weight) => weight / all) };
}

function logProbabilityOf({ logProbability }: CandidateList['candidates'][number]): number {
  if (logProbability !== undefined && Number.isFinite(logProbability)) return logProbability;
  throw new DecadeError('usage', {
    where: 'selection by probability',
    received: logProbability === undefined ? 'candidates without a log-probability' : `a log-probability of ${logProbability}`,
    allowed: 'candidates whose features have logProbability',
    next: 'let all candidates count the same: uniform weights',
  });
}
