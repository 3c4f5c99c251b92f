import * as z from 'zod';
import { counted } from '../core/counted.js';
import { DecadeError } from '../core/errors.js';
import { resolveOptions } from '../core/options.js';
import { samplingOptions } from './sampling-options.js';

/** Options of the search and of its output. */
export const decodingOptions = z
  .strictObject({
    /** Beam size; 1 is greedy search. */
    beam: z.int().min(1).max(1_000).default(5),
    /**
     * Whether the beam becomes narrower by each translation that has ended (`shrinking`, Sutskever et al. 2014), or as many are
     * extended at every step (`constant`, as in Hugging Face's and CTranslate2's searches, which imported models are used with).
     */
    beamWidth: z.enum(['shrinking', 'constant']).default('shrinking'),
    /**
     * With a constant beam, a line is done once `beam` translations have ended and
     *   `exact`   none that is being extended can still beat the worst of them (Hugging Face's `early_stopping: never`)
     *   `likely`  none beats it as long as it is now (`false`)
     *   `first`   at once (`true`; CTranslate2)
     */
    stopping: z.enum(['exact', 'likely', 'first']).default('exact'),
    /** Translations per line, best first; at most `beam`. */
    nbest: z.int().min(1).max(1_000).default(1),
    /**
     * Diverse beam search: `groups` beams of beam / groups places each. One chooses after the other, and each time that an earlier one
     * has chosen a token at this step, its log-probability counts `strength` less (Hamming diversity, Vijayakumar et al. 2016).
     */
    diversity: z.strictObject({ groups: z.int().min(1).max(1_000), strength: z.number().min(0).max(100).default(0.5) }).optional(),
    /**
     * What every translation must have: phrases, or lists of forms of which one is enough; in whole words. One in small letters is found
     * in any case, one with a capital as it is written.
     */
    must: z.array(z.union([z.string(), z.array(z.string())])).optional(),
    /** What no translation may have, in whole words: `cat` forbids `Cat`, and not `category`. */
    mustNot: z.array(z.string()).optional(),
    /** Draw translations at random instead of searching for the best: `samples` per line, in place of `beam` and `nbest`. */
    sample: samplingOptions.optional(),
    /**
     * A translation is ranked by the sum of its log-probabilities divided by
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
    /** Maximum number of tokens of a translation, without `</s>`. Default: 2 × source length + 10. */
    maximumLength: z.int().min(1).max(100_000).optional(),
    /** Minimum number of tokens of a translation, without `</s>`. */
    minimumLength: z.int().min(0).max(100_000).default(0),
    /** Forbid n-grams of this many tokens from occurring twice in a translation; 0: no restriction. */
    forbidRepeats: z.int().min(0).max(1_000).default(0),
    /** Never choose `<unk>`. */
    forbidUnknown: z.boolean().default(false),
    /**
     * Replacement of `<unk>` in the text: ⁇ (`none`), the source word with most attention (`attention`), or that word's entry in
     * a dictionary (the word itself if it has none). For a model without attention, a dictionary pairs the n-th unknown word of
     * the translation with the n-th of the source. Words are looked up normalised, as the model sees them.
     */
    unknownReplacement: z.union([z.enum(['none', 'attention']), z.map(z.string(), z.string())]).default('none'),
    /** Return the attention of every token; empty for a model without attention. */
    attention: z.boolean().default(false),
    /** Longer lines are truncated to this many tokens, with a warning. */
    maximumSourceLength: z.int().min(1).max(100_000).default(1_000),
    /** Maximum lines and source tokens per batch (at least one line). Large beams reduce it further. */
    batch: z
      .strictObject({
        sentences: z.int().min(1).max(100_000).default(256),
        tokens: z.int().min(1).max(10_000_000).default(4_096),
      })
      .prefault({}),
    /** Lines of a stream to read ahead, so that lines of similar length can share a batch. */
    readAhead: z.int().min(1).max(1_000_000).default(1_024),
  })
  .superRefine((options, context) => {
    const issue = (path: keyof typeof options, message: string, ...inner: readonly string[]) =>
      context.addIssue({ code: 'custom', path: [path, ...inner], message });
    if (options.nbest > options.beam) issue('nbest', `expected at most the beam size, ${options.beam}`);
    const { diversity, beam, sample, must = [] } = options;
    if (diversity !== undefined && sample !== undefined) {
      issue('diversity', 'expected a beam search: samples differ by chance', 'groups');
    } else if (diversity !== undefined && beam % diversity.groups !== 0) {
      issue('diversity', `expected a number of groups that divides the beam size, ${beam}`, 'groups');
    }
    if (sample !== undefined && must.length > 0) issue('must', 'expected a beam search: what is drawn can only be kept from having words');
    if (options.minimumLength > (options.maximumLength ?? Infinity)) {
      issue('minimumLength', `expected at most maximumLength, ${options.maximumLength}`);
    }
  });

export type DecodingOptions = z.output<typeof decodingOptions>;
/** Options as a caller writes them: `{ beam: 12, lengthPenalty: { alpha: 0.6 } }`. */
export type DecodingOptionsInput = z.input<typeof decodingOptions>;

const { beam, beamWidth, stopping, minimumLength, maximumLength, forbidRepeats } = decodingOptions.shape;

/** What a model is translated with where a call says nothing else: of these a model can have defaults of its own. */
export const decodingDefaults = z.strictObject({
  beam: beam.unwrap().optional().meta({ description: 'Beam size; 1 is greedy search. Default: 5.', example: 5 }),
  beamWidth: beamWidth.unwrap().optional().meta({
    description: 'shrinking: a translation that has ended leaves its place in the beam empty; constant: the next best takes it.',
    example: 'constant',
  }),
  stopping: stopping.unwrap().optional().meta({
    description:
      'With a constant beam, when beam translations have ended: search on while a better one is possible, is likely, or not at all (first).',
    example: 'likely',
  }),
  lengthPenalty: z
    .strictObject({
      kind: z.enum(['power', 'gnmt']).optional().meta({ description: 'length^alpha, or ((5 + length) / 6)^alpha.', example: 'power' }),
      alpha: z.number().min(0).max(10).optional().meta({ description: '1 with power: the mean per token. Default: 1.', example: 1 }),
    })
    .optional()
    .meta({ description: 'What sums of log-probabilities are divided by.' }),
  minimumLength: minimumLength.unwrap().optional().meta({ description: 'Fewest tokens of a translation, </s> not counted.', example: 1 }),
  maximumLength: maximumLength.meta({ description: 'Most tokens of a translation. Default: 2 source length + 10.', example: 256 }),
  forbidRepeats: forbidRepeats
    .unwrap()
    .optional()
    .meta({ description: 'Tokens of an n-gram that may not occur twice; 0: any may.', example: 3 }),
});
export type DecodingDefaults = z.output<typeof decodingDefaults>;

/** Limits of a batch. */
export type BatchLimits = DecodingOptions['batch'];

/** How translations are found, for people: `beam 5`, `sampled with temperature 0.8, seed 1`. */
export function describeDecoding({ beam, sample }: Pick<DecodingOptions, 'beam' | 'sample'>): string {
  if (sample !== undefined) return `sampled with temperature ${sample.temperature}, seed ${sample.seed}`;
  return beam === 1 ? 'greedy search' : `beam ${beam}`;
}

/**
 * The options of a call, then those of `defaults`, then their defaults. A call that names a beam does not sample, whatever its
 * defaults say.
 *
 * @throws DecadeError `usage` for a key or a value that is not allowed, and for a beam of samples
 */
export function resolveDecodingOptions(options: DecodingOptionsInput = {}, defaults: DecodingOptionsInput = {}): DecodingOptions {
  const beam = (['beam', 'nbest'] as const).find((name) => options[name] !== undefined);
  if (options.sample !== undefined && beam !== undefined) {
    throw new DecadeError('usage', {
      where: `decoding options.${beam}`,
      received: `${options[beam]} together with sample`,
      allowed: 'a beam search or sampling',
      next: `leave out ${beam}, or ask for several samples with sample.samples`,
    });
  }
  const sample = beam === undefined ? (options.sample ?? defaults.sample) : undefined;
  return resolveOptions(decodingOptions, { ...defaults, ...options, sample }, 'decoding options');
}

/** Of a search that proposes all it finds to a selection. */
export interface CandidateOptions {
  readonly candidates: DecodingOptions;
  /** How many of them it gives: \`nbest\`, which may stand beside \`sample\` here. */
  readonly kept: number;
}

/**
 * As \`resolveDecodingOptions\`: every hypothesis of the beam, or every sample, is a candidate.
 *
 * @throws DecadeError \`usage\` as there, and for more kept than there are candidates
 */
export function resolveCandidateOptions({ nbest, ...options }: DecodingOptionsInput, defaults: DecodingOptionsInput): CandidateOptions {
  const { nbest: usual, ...others } = defaults;
  const resolved = resolveDecodingOptions(options, others);
  const { sample, beam } = resolved;
  const most = sample?.samples ?? beam;
  const { nbest: kept } = resolveOptions(
    z.strictObject({ nbest: decodingOptions.shape.nbest }),
    { nbest: nbest ?? usual },
    'decoding options',
  );
  if (kept > most) {
    const received = `${kept} of ${counted(most, 'candidate')} per line`;
    throw new DecadeError('usage', { where: 'decoding options.nbest', received, allowed: `at most ${most}` });
  }
  return { candidates: sample === undefined ? { ...resolved, nbest: beam } : resolved, kept };
}
