import * as z from 'zod';
import { resolveOptions } from '../core/options.js';
import { formatSignature, yesOrNo } from './metric.js';
import type { NgramMetric } from './ngram-metric.js';
import { type BleuTokenizer, bleuTokenizers, tokenizerRefusal, withoutTrailingWhiteSpace } from './tokenization.js';

const order = 4;

/** Chen and Cherry 2014, "A systematic comparison of smoothing techniques for sentence-level BLEU": methods 1, 2 and 3. */
const standardSmoothingValues = { exp: undefined, floor: 0.1, 'add-k': 1, none: undefined } as const;

export const bleuOptions = z
  .strictObject({
    tokenize: z
      .custom<BleuTokenizer>((name) => typeof name === 'string' && Object.hasOwn(bleuTokenizers, name), { error: tokenizerRefusal })
      .default('13a'),
    /** What stands in for a precision of 0. */
    smooth: z.enum(['exp', 'floor', 'add-k', 'none']).default('exp'),
    /** For `floor` (0.1 when left out) and `add-k` (1 when left out). */
    smoothValue: z.number().nonnegative().optional(),
    /** Leaves out orders that a short sentence has no n-grams of. For single sentences. */
    effectiveOrder: z.boolean().default(false),
    lowercase: z.boolean().default(false),
  })
  .superRefine(requireSmoothValue);

/** Refuses a value that the smoothing does not look at. */
export function requireSmoothValue(
  { smooth, smoothValue }: { smooth: keyof typeof standardSmoothingValues; smoothValue?: number | undefined },
  context: Pick<z.RefinementCtx, 'addIssue'>,
): void {
  if (smoothValue === undefined || standardSmoothingValues[smooth] !== undefined) return;
  const message = `only for the smoothing floor or add-k, not ${smooth}`;
  context.addIssue({ code: 'custom', path: ['smoothValue'], message });
}

/**
 * BLEU (Papineni et al. 2002, section 2): the geometric mean of the clipped precisions of 1- to 4-grams, times the
 * brevity penalty. Statistics: words of the hypothesis, words of the closest reference, matches by order, n-grams by
 * order.
 */
export function bleu(given: z.input<typeof bleuOptions> = {}): NgramMetric {
  const options = resolveOptions(bleuOptions, given, 'BLEU options');
  const tokenize = bleuTokenizers[options.tokenize];
  const words = (text: string) => tokenize(withoutTrailingWhiteSpace(options.lowercase ? text.toLowerCase() : text));
  const smoothValue = options.smoothValue ?? standardSmoothingValues[options.smooth] ?? 0;
  const ofPair = new Float64Array(2 + 2 * order);
  const smoothName =
    standardSmoothingValues[options.smooth] === undefined ? options.smooth : `${options.smooth}[${hundredths(smoothValue)}]`;

  return {
    name: 'bleu',
    label: 'BLEU',
    higherIsBetter: true,

    signature: (references) =>
      formatSignature(references, {
        case: options.lowercase ? 'lc' : 'mixed',
        eff: yesOrNo(options.effectiveOrder),
        tok: options.tokenize,
        smooth: smoothName,
      }),

    statistics(hypothesis, references) {
      const translation = words(hypothesis);
      const originals = references.map(words);
      const statistics = new Float64Array(2 + 2 * order);
      statistics[0] = translation.length;
      statistics[1] = closest(
        translation.length,
        originals.map((original) => original.length),
      );
      for (let size = 1; size <= order; size++) {
        const most = new Map<string, number>();
        for (const original of originals) {
          for (const [ngram, count] of countNgrams(original, size)) most.set(ngram, Math.max(most.get(ngram) ?? 0, count));
        }
        let matches = 0;
        for (const [ngram, count] of countNgrams(translation, size)) matches += Math.min(count, most.get(ngram) ?? 0);
        statistics[1 + size] = matches;
        statistics[1 + order + size] = Math.max(0, translation.length - size + 1);
      }
      return statistics;
    },

    score(statistics) {
      const [hypothesisLength = 0, referenceLength = 0] = statistics;
      const brevityPenalty = brevity(hypothesisLength, referenceLength);
      const precisions = new Array<number>(order).fill(0);
      const details = { precisions, brevityPenalty, hypothesisLength, referenceLength };
      if (statistics.subarray(2, 2 + order).every((matches) => matches === 0)) return { score: 0, details };
      let averaged = order;
      let halved = 1;
      for (let size = 1; size <= order; size++) {
        const added = options.smooth === 'add-k' && size > 1 ? smoothValue : 0;
        const matches = (statistics[1 + size] ?? 0) + added;
        const total = (statistics[1 + order + size] ?? 0) + added;
        if (total === 0) break;
        if (options.effectiveOrder) averaged = size;
        if (matches > 0) {
          precisions[size - 1] = (100 * matches) / total;
        } else if (options.smooth === 'exp') {
          halved *= 2;
          precisions[size - 1] = 100 / (halved * total);
        } else if (options.smooth === 'floor') {
          precisions[size - 1] = (100 * smoothValue) / total;
        }
      }
      const logarithms = precisions.slice(0, averaged).map((precision) => Math.log(precision));
      const mean = logarithms.reduce((sum, logarithm) => sum + logarithm, 0) / averaged;
      return { score: brevityPenalty * Math.exp(mean), details };
    },

    units: [{ order, split: words }],

    statisticsOf(hypothesis, reference, matches) {
      ofPair[0] = hypothesis[0] as number;
      ofPair[1] = reference[0] as number;
      for (let index = 0; index < order; index++) {
        ofPair[2 + index] = matches[index] as number;
        ofPair[2 + order + index] = hypothesis[index] as number;
      }
      return ofPair;
    },
  };
}

/** Two decimals as Python writes them: what lies in the middle goes to the even one, 0.125 to 0.12. */
function hundredths(value: number): string {
  const isMiddle = (value * 8) % 4 === 1;
  return (isMiddle ? Math.floor(value * 100) / 100 : value).toFixed(2);
}

function brevity(hypothesisLength: number, referenceLength: number): number {
  if (hypothesisLength >= referenceLength) return 1;
  return hypothesisLength === 0 ? 0 : Math.exp(1 - referenceLength / hypothesisLength);
}

/** The reference length nearest to the hypothesis's; of two as near, the shorter. */
function closest(length: number, candidates: readonly number[]): number {
  return candidates.reduce((best, candidate) => {
    const difference = Math.abs(candidate - length) - Math.abs(best - length);
    return difference < 0 || (difference === 0 && candidate < best) ? candidate : best;
  });
}

/** How often each n-gram occurs; its words are joined by spaces, which no word contains. */
export function countNgrams(words: readonly string[], size: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + size <= words.length; start++) {
    const ngram = words.slice(start, start + size).join(' ');
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}
