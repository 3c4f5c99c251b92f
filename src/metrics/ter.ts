import * as z from 'zod';
import { resolveOptions } from '../core/options.js';
import { formatSignature, type Metric, yesOrNo } from './metric.js';
import { tercomWords } from './tokenization.js';
import { translationEdits } from './translation-edits.js';

const terOptions = z.strictObject({
  /** Separates punctuation from words first. */
  normalized: z.boolean().default(false),
  /** Leaves punctuation out. */
  noPunctuation: z.boolean().default(false),
  /** With `normalized` or `noPunctuation`: Chinese and Japanese characters and marks too. */
  asianSupport: z.boolean().default(false),
  caseSensitive: z.boolean().default(false),
});

/**
 * Translation edit rate (Snover et al. 2006): edits to the reference that needs fewest, per word of the references on
 * average, in per cent. Statistics: edits, words of the references on average.
 */
export function ter(given: z.input<typeof terOptions> = {}): Metric {
  const options = resolveOptions(terOptions, given, 'TER options');
  return {
    name: 'ter',
    label: 'TER',
    higherIsBetter: false,

    signature: (references) =>
      formatSignature(references, {
        case: options.caseSensitive ? 'mixed' : 'lc',
        tok: 'tercom',
        norm: yesOrNo(options.normalized),
        punct: yesOrNo(!options.noPunctuation),
        asian: yesOrNo(options.asianSupport),
      }),

    statistics(hypothesis, references) {
      const translation = tercomWords(hypothesis, options);
      let edits = Number.POSITIVE_INFINITY;
      let words = 0;
      for (const reference of references) {
        // sacreBLEU runs the rules twice over references, which matters for a few escapes and marks in a row.
        const original = tercomWords(tercomWords(reference, options).join(' '), options);
        edits = Math.min(edits, translationEdits(translation, original));
        words += original.length;
      }
      return Float64Array.of(edits, words / references.length);
    },

    score(statistics) {
      const [edits = 0, referenceLength = 0] = statistics;
      const rate = referenceLength > 0 ? edits / referenceLength : Math.min(edits, 1);
      return { score: 100 * rate, details: { edits, referenceLength } };
    },
  };
}
