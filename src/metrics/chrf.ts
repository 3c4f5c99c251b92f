import * as z from 'zod';
import { resolveOptions } from '../core/options.js';
import { countNgrams } from './bleu.js';
import { formatSignature, type MetricScore, yesOrNo } from './metric.js';
import type { NgramMetric } from './ngram-metric.js';
import { splitWords, withoutWhiteSpace } from './tokenization.js';

const chrfOptions = z.strictObject({
  characterOrder: z.int().min(1).default(6),
  /** Orders of words that count beside those of characters: 0 is chrF, 2 is chrF++. */
  wordOrder: z.int().min(0).default(0),
  /** Recall weighs this many times as much as precision. */
  beta: z.int().min(1).default(2),
  lowercase: z.boolean().default(false),
  /** Counts white space as characters. */
  whitespace: z.boolean().default(false),
  /** Averages F-scores over all orders, with a tiny number for those that are missing, instead of leaving them out. */
  epsilonSmoothing: z.boolean().default(false),
});

/**
 * chrF (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation") and chrF++ (Popović 2017): the
 * F-score of n-grams of characters and words. Statistics, for each order: n-grams of the hypothesis, of the reference
 * that suits it best, matches.
 */
export function chrf(given: z.input<typeof chrfOptions> = {}): NgramMetric {
  const options = resolveOptions(chrfOptions, given, 'chrF options');
  const orders = options.characterOrder + options.wordOrder;
  const weight = options.beta ** 2;

  const cased = (text: string) => (options.lowercase ? text.toLowerCase() : text);
  const charactersOf = (text: string) => Array.from(options.whitespace ? cased(text) : withoutWhiteSpace(cased(text)));
  const wordsOf = (text: string) => separatePunctuation(cased(text));
  const ofPair = new Float64Array(3 * orders);

  const profile = (text: string): ReadonlyMap<string, number>[] => {
    const characters = charactersOf(text);
    const words = wordsOf(text);
    return Array.from({ length: orders }, (_, index) =>
      index < options.characterOrder ? countCharacterNgrams(characters, index + 1) : countNgrams(words, index - options.characterOrder + 1),
    );
  };

  const score = (statistics: Float64Array): MetricScore => {
    let precision = 0;
    let recall = 0;
    let present = 0;
    let smoothed = 0;
    for (let index = 0; index < orders; index++) {
      const hypothesis = statistics[3 * index] as number;
      const reference = statistics[3 * index + 1] as number;
      const matches = statistics[3 * index + 2] as number;
      const precisionHere = hypothesis > 0 ? matches / hypothesis : epsilon;
      const recallHere = reference > 0 ? matches / reference : epsilon;
      const denominator = weight * precisionHere + recallHere;
      smoothed += denominator > 0 ? ((1 + weight) * precisionHere * recallHere) / denominator : epsilon;
      if (hypothesis > 0 && reference > 0) {
        precision += precisionHere;
        recall += recallHere;
        present++;
      }
    }
    if (present > 0) {
      precision /= present;
      recall /= present;
    }
    const combined = precision + recall > 0 ? ((1 + weight) * precision * recall) / (weight * precision + recall) : 0;
    return {
      score: 100 * (options.epsilonSmoothing ? smoothed / orders : combined),
      details: { precision: 100 * precision, recall: 100 * recall },
    };
  };

  return {
    name: options.wordOrder === 0 ? 'chrf' : 'chrf++',
    label: `chrF${options.beta}${'+'.repeat(options.wordOrder)}`,
    higherIsBetter: true,

    signature: (references) =>
      formatSignature(references, {
        case: options.lowercase ? 'lc' : 'mixed',
        eff: yesOrNo(!options.epsilonSmoothing),
        nc: options.characterOrder,
        nw: options.wordOrder,
        space: yesOrNo(options.whitespace),
      }),

    statistics(hypothesis, references) {
      const translation = profile(hypothesis);
      let best = new Float64Array(3 * orders);
      let bestScore = -1;
      for (const reference of references) {
        const statistics = compare(translation, profile(reference));
        const { score: found } = score(statistics);
        if (found > bestScore) {
          best = statistics;
          bestScore = found;
        }
      }
      return best;
    },

    score,

    units: [
      { order: options.characterOrder, split: charactersOf },
      { order: options.wordOrder, split: wordsOf },
    ].filter(({ order }) => order > 0),

    statisticsOf(hypothesis, reference, matches) {
      for (let index = 0; index < orders; index++) {
        const ofReference = reference[index] as number;
        ofPair[3 * index] = ofReference > 0 ? (hypothesis[index] as number) : 0;
        ofPair[3 * index + 1] = ofReference;
        ofPair[3 * index + 2] = matches[index] as number;
      }
      return ofPair;
    },
  };
}

const epsilon = 1e-16;

function compare(hypothesis: readonly ReadonlyMap<string, number>[], reference: readonly ReadonlyMap<string, number>[]) {
  const statistics = new Float64Array(3 * hypothesis.length);
  for (const [index, counts] of hypothesis.entries()) {
    const others = reference[index] ?? new Map<string, number>();
    let matches = 0;
    for (const [ngram, count] of counts) matches += Math.min(count, others.get(ngram) ?? 0);
    // An order that the reference has no n-grams of does not count against the hypothesis.
    statistics[3 * index] = others.size > 0 ? total(counts) : 0;
    statistics[3 * index + 1] = total(others);
    statistics[3 * index + 2] = matches;
  }
  return statistics;
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

function countCharacterNgrams(characters: readonly string[], size: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + size <= characters.length; start++) {
    let ngram = '';
    for (let position = start; position < start + size; position++) ngram += characters[position];
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/** Takes one mark off the end of each word or, when none is there, off its start. */
function separatePunctuation(text: string): string[] {
  return splitWords(text).flatMap((word) => {
    const characters = Array.from(word);
    const first = characters[0] ?? '';
    const last = characters.at(-1) ?? '';
    if (characters.length === 1) return [word];
    if (punctuation.test(last)) return [word.slice(0, -1), last];
    return punctuation.test(first) ? [first, word.slice(1)] : [word];
  });
}

/** ASCII punctuation, as in Python's `string.punctuation`. */
const punctuation = /^[!-/:-@[-`{-~]$/;
