import { discountOf, discountsOf } from '../ngram/discounts.js';
import type { PhraseCounts } from './phrase-counts.js';
import type { PhraseOptions } from './options.js';

/** Logarithms of the phrase probabilities of each phrase pair, given its source and given its target. */
export interface PhraseProbabilities {
  readonly direct: Float32Array;
  readonly inverse: Float32Array;
}

export function phraseProbabilities(
  { pairs, counts, sources, targets }: PhraseCounts,
  how: PhraseOptions['smoothing'],
): PhraseProbabilities {
  const estimate = how === 'none' ? relativeFrequencies : kneserNey;
  return {
    direct: estimate(counts, { given: pairs.firsts, predicted: pairs.seconds, givens: sources.size + 1, predictions: targets.size + 1 }),
    inverse: estimate(counts, { given: pairs.seconds, predicted: pairs.firsts, givens: targets.size + 1, predictions: sources.size + 1 }),
  };
}

/** The two phrases of each pair, and how many different ones there are. */
interface Conditional {
  readonly given: Int32Array;
  readonly predicted: Int32Array;
  readonly givens: number;
  readonly predictions: number;
}

function relativeFrequencies(counts: Int32Array, { given, givens }: Conditional): Float32Array {
  const totals = sumsBy(given, counts, givens);
  return Float32Array.from(counts, (count, pair) => Math.log(count / (totals[given[pair] as number] as number)));
}

/**
 * Modified Kneser-Ney (Foster, Kuhn and Johnson 2006, section 3.2.3), where what is taken from the pairs of a phrase s is given back in
 * proportion to the different phrases that t occurs with:
 *
 *     p(t | s) = (c(s, t) - D(c(s, t)) + sum over t' of D(c(s, t')) p'(t)) / c(s)        p'(t) = N(t) / sum of N
 */
function kneserNey(counts: Int32Array, { given, predicted, givens, predictions }: Conditional): Float32Array {
  const { discounts } = discountsOf(counts);
  const taken = Float64Array.from(counts, (count) => discountOf(discounts, count));
  const totals = sumsBy(given, counts, givens);
  const givenBack = sumsBy(given, taken, givens);
  const occasions = sumsBy(predicted, new Uint8Array(counts.length).fill(1), predictions);
  return Float32Array.from(counts, (count, pair) => {
    const phrase = given[pair] as number;
    const share = (occasions[predicted[pair] as number] as number) / counts.length;
    return Math.log((count - (taken[pair] as number) + (givenBack[phrase] as number) * share) / (totals[phrase] as number));
  });
}

function sumsBy(keys: Int32Array, values: ArrayLike<number>, size: number): Float64Array {
  const sums = new Float64Array(size);
  for (let pair = 0; pair < keys.length; pair++) {
    const key = keys[pair] as number;
    sums[key] = (sums[key] as number) + (values[pair] as number);
  }
  return sums;
}
