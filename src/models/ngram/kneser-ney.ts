import type { CountedNgrams } from './count-trie.js';
import { type Discounts, discountOf, discountsOf } from './discounts.js';
import { shorterPlaces } from './shorter-places.js';
import { impossible, type NgramTables, tableName } from './tables.js';

/** Which tokens are special, and how many there are. */
export interface CountedVocabulary {
  readonly size: number;
  /** `<s>`: the only token that nothing can precede. */
  readonly begin: number;
  /** Tokens that are never predicted. */
  readonly forbidden: readonly number[];
}

/** The tables of a model by their names, and how it was smoothed. */
export interface SmoothedNgrams {
  readonly tables: NgramTables;
  /** Of each order; undefined where the counts of counts give none, and the usual ones were taken. */
  readonly discounts: readonly { readonly discounts: Discounts; readonly areUsual: boolean }[];
}

/**
 * Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998, section 3; as KenLM's `lmplz` computes it, Heafield et al. 2013).
 * With a(hw) for how often h w occurs or, below the highest order, how many different tokens precede it:
 *
 *     P(w | h) = (a(hw) - D(a(hw))) / Σ_v a(hv) + γ(h) P(w | h without its first token)
 *     γ(h)     = Σ_v D(a(hv)) / Σ_v a(hv)
 *
 * What begins with `<s>` is never preceded by anything: there a is how often it occurs. Unigrams are interpolated with the uniform
 * distribution over all tokens that can be predicted. γ(h) is the back-off of h.
 */
export function smooth(counted: readonly CountedNgrams[], vocabulary: CountedVocabulary): SmoothedNgrams {
  const shorter = shorterPlaces(counted);
  const tables = new Map<string, Int32Array | Float32Array>();
  const discounts = [];
  let beginning: Range = [vocabulary.begin, vocabulary.begin + 1];
  let lower: { readonly probabilities: Float64Array; readonly extensions: Int32Array } | undefined;
  for (const [index, ngrams] of counted.entries()) {
    const order = index + 1;
    const counts = adjustedCounts(ngrams, shorter[index + 1], order === 1 ? undefined : beginning);
    // What cannot be predicted takes no share.
    if (order === 1) for (const token of vocabulary.forbidden) counts[token] = 0;
    const found = discountsOf(counts);
    discounts.push(found);
    let probabilities: Float64Array;
    if (lower === undefined) {
      probabilities = unigramProbabilities(counts, found.discounts, vocabulary);
    } else {
      const below = { ...lower, shorter: shorter[index] as Int32Array };
      const smoothed = interpolated(counts, found.discounts, below);
      probabilities = smoothed.probabilities;
      tables.set(tableName(order - 1, 'backOffs'), smoothed.backOffs);
      tables.set(tableName(order - 1, 'extensions'), lower.extensions);
      tables.set(tableName(order, 'tokens'), ngrams.tokens);
      tables.set(tableName(order, 'shorter'), below.shorter);
    }
    tables.set(tableName(order, 'logProbabilities'), Float32Array.from(probabilities, logarithm));
    lower = { probabilities, extensions: ngrams.extensions };
    beginning = [ngrams.extensions[beginning[0]] ?? 0, ngrams.extensions[beginning[1]] ?? 0];
  }
  return { tables, discounts };
}

/** Places from and up to. */
type Range = readonly [from: number, to: number];

/**
 * How many different tokens precede each n-gram: as many as n-grams one order higher end with it. How often it occurs, in the highest
 * order and in a range of them.
 */
function adjustedCounts({ counts }: CountedNgrams, longer: Int32Array | undefined, asTheyAre: Range | undefined): Int32Array {
  if (longer === undefined) return counts;
  const adjusted = new Int32Array(counts.length);
  for (const place of longer) adjusted[place] = (adjusted[place] as number) + 1;
  if (asTheyAre !== undefined) adjusted.set(counts.subarray(...asTheyAre), asTheyAre[0]);
  return adjusted;
}

function unigramProbabilities(counts: Int32Array, discounts: Discounts, { size, forbidden }: CountedVocabulary): Float64Array {
  let [total, taken] = [0, 0];
  for (const count of counts) {
    total += count;
    taken += discountOf(discounts, count);
  }
  const uniform = taken / total / (size - forbidden.length);
  const probabilities = Float64Array.from(counts, (count) => (count - discountOf(discounts, count)) / total + uniform);
  for (const token of forbidden) probabilities[token] = 0;
  return probabilities;
}

/** The probabilities of one order from those of the one below, and the back-offs of the histories, which are the n-grams there. */
function interpolated(
  counts: Int32Array,
  discounts: Discounts,
  below: { readonly probabilities: Float64Array; readonly extensions: Int32Array; readonly shorter: Int32Array },
): { readonly probabilities: Float64Array; readonly backOffs: Float32Array } {
  const histories = below.probabilities.length;
  const probabilities = new Float64Array(counts.length);
  const backOffs = new Float32Array(histories);
  for (let history = 0; history < histories; history++) {
    const [begin, end] = [below.extensions[history] as number, below.extensions[history + 1] as number];
    let [total, taken] = [0, 0];
    for (let place = begin; place < end; place++) {
      const count = counts[place] as number;
      total += count;
      taken += discountOf(discounts, count);
    }
    if (begin === end) continue;
    const weight = taken / total;
    backOffs[history] = Math.log(weight);
    for (let place = begin; place < end; place++) {
      const count = counts[place] as number;
      const lower = below.probabilities[below.shorter[place] as number] as number;
      probabilities[place] = (count - discountOf(discounts, count)) / total + weight * lower;
    }
  }
  return { probabilities, backOffs };
}

function logarithm(probability: number): number {
  return probability === 0 ? impossible : Math.log(probability);
}
