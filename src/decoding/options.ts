import { z } from 'zod';
import { resolveOptions } from '../core/options.js';

/** How translations are searched for, and the defaults. */
export const decodingOptions = z
  .strictObject({
    /** Partial translations kept at every step; 1 is greedy search. */
    beam: z.int().min(1).max(1_000).default(5),
    /** Translations given for every line, best first; at most `beam`. */
    nbest: z.int().min(1).max(1_000).default(1),
    /**
     * What a translation is ranked by: the sum of its log-probabilities divided by
     *   `power`  length ^ alpha (1: the mean per token; 0: the sum itself, as in Sutskever et al. 2014)
     *   `gnmt`   ((5 + length) / 6) ^ alpha (Wu et al. 2016, section 7; they use 0.2)
     * where `</s>` counts as a token.
     */
    lengthPenalty: z
      .strictObject({
        kind: z.enum(['power', 'gnmt']).default('power'),
        alpha: z.number().min(0).max(10).default(1),
      })
      .prefault({}),
    /** Most tokens of a translation, `</s>` not counted. Default: twice the source's, and 10. */
    maximumLength: z.int().min(1).max(100_000).optional(),
    /** Fewest tokens of a translation, `</s>` not counted. */
    minimumLength: z.int().min(0).max(100_000).default(0),
    /** No run of this many tokens may occur twice in a translation; 0: any may. */
    forbidRepeats: z.int().min(0).max(1_000).default(0),
    /** Never choose `<unk>`. */
    forbidUnknown: z.boolean().default(false),
    /**
     * What stands for `<unk>` in the text: ⁇ (`none`), the source word with most attention (`attention`), or that word's
     * entry in a dictionary, and the word itself without one. For a model without attention a dictionary takes the n-th
     * unknown word of the translation for the n-th of the source. Words are looked up in the form in which the model sees them.
     */
    unknownReplacement: z.union([z.enum(['none', 'attention']), z.map(z.string(), z.string())]).default('none'),
    /** Give the attention of every token. Empty for a model without attention. */
    attention: z.boolean().default(false),
    /** A line of more tokens is cut there, with a warning. */
    maximumSourceLength: z.int().min(1).max(100_000).default(1_000),
    /** What is translated at once: no more lines, and no more source tokens (but always one line). A beam makes it fewer. */
    batch: z
      .strictObject({
        sentences: z.int().min(1).max(100_000).default(256),
        tokens: z.int().min(1).max(10_000_000).default(4_096),
      })
      .prefault({}),
    /** Lines of a stream that are read ahead, so that lines of like length can share a batch. */
    readAhead: z.int().min(1).max(1_000_000).default(1_024),
  })
  .superRefine((options, context) => {
    const issue = (path: keyof typeof options, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (options.nbest > options.beam) issue('nbest', `expected at most the beam size, ${options.beam}`);
    if (options.minimumLength > (options.maximumLength ?? Infinity)) {
      issue('minimumLength', `expected at most maximumLength, ${options.maximumLength}`);
    }
  });

export type DecodingOptions = z.output<typeof decodingOptions>;
/** Options as a caller writes them: `{ beam: 12, lengthPenalty: { alpha: 0.6 } }`. */
export type DecodingOptionsInput = z.input<typeof decodingOptions>;

/** What bounds a batch. */
export type BatchLimits = DecodingOptions['batch'];

/** The options with their defaults. Throws `usage` for a key or a value that is not allowed. */
export function resolveDecodingOptions(options: DecodingOptionsInput = {}): DecodingOptions {
  return resolveOptions(decodingOptions, options, 'decoding options');
}
