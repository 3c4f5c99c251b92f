import * as z from 'zod';
import { DecadeError, nearestName } from '../../core/errors.js';
import { resolveOptions } from '../../core/options.js';
import { shownValue } from '../../core/visible-text.js';
import { type Criterion, ownScore } from './criterion.js';
import { minimumBayesRisk, type UtilityName, utilities } from './minimum-bayes-risk.js';
import { TranslationSelection } from './selected-translations.js';
import { selfConsistency } from './self-consistency.js';
import { Selection, type WeightedCriterion } from './selection.js';

/** What the values of a criterion are multiplied by before they are added up. */
const weight = z.number().default(1);
const utility = z.enum(Object.keys(utilities) as [UtilityName, ...UtilityName[]]);
/** See `distinctTexts`. */
const candidateWeights = z.enum(['uniform', 'probability']).optional();

/** Options of minimum Bayes risk decoding; see `minimumBayesRisk`. */
const riskOptions = z.strictObject({
  weight,
  utility: utility.default('chrf'),
  candidateWeights,
  /** A cheaper choice beforehand of the texts that are worth the utility. Default: none, all are. */
  coarse: z
    .strictObject({
      utility: utility.default('unigram'),
      /** The first so many distinct texts are its pseudo-references. Default: all. */
      references: z.int().min(1).max(1_000_000).optional(),
      keep: z.int().min(1).max(1_000_000),
    })
    .optional(),
});

/** Options of self-consistency; see `selfConsistency`. */
const consistencyOptions = z.strictObject({
  weight,
  candidateWeights,
  lowercase: z.boolean().default(false),
  answer: z.custom<(text: string) => string>((given) => typeof given === 'function', { error: 'expected a function' }).optional(),
});

const plainOptions = z.strictObject({ weight });

/** Criteria by the name that options and the command line have for them. */
const criteria = {
  own: (given: object) => weighted(plainOptions, given, 'own', () => ownScore),
  mbr: (given: object) =>
    weighted(riskOptions, given, 'mbr', ({ candidateWeights: weights, ...options }) => minimumBayesRisk({ ...options, weights })),
  'self-consistency': (given: object) =>
    weighted(consistencyOptions, given, 'self-consistency', ({ candidateWeights: weights, ...options }) =>
      selfConsistency({ ...options, weights }),
    ),
} as const satisfies Record<string, (given: object) => WeightedCriterion>;

export type CriterionName = keyof typeof criteria;
export const criterionNames = Object.keys(criteria) as CriterionName[];

/** One criterion of a selection: by its name with its options, or any other object that is one. */
export type SelectionTerm =
  | ({ readonly by: 'own' } & z.input<typeof plainOptions>)
  | ({ readonly by: 'mbr' } & z.input<typeof riskOptions>)
  | ({ readonly by: 'self-consistency' } & z.input<typeof consistencyOptions>)
  | ({ readonly by: Criterion } & z.input<typeof plainOptions>);

/** How the best of several translations is chosen: `{ by: 'mbr', utility: 'chrf' }`, or several terms, whose weighted values are added. */
export type SelectionOptions = SelectionTerm | readonly SelectionTerm[];

/**
 * The selection that options describe.
 *
 * @throws DecadeError `usage` for a criterion that there is none of, and for options that it does not have
 */
export function selectionOf(options: SelectionOptions): Selection {
  return new Selection(selectionTermsOf(options).map(termOf));
}

/** One term is a list of one. */
export function selectionTermsOf(options: SelectionOptions): readonly SelectionTerm[] {
  return Array.isArray(options) ? (options as readonly SelectionTerm[]) : [options as SelectionTerm];
}

/** As `selectionOf`, of the translations of lines. */
export function translationSelection(options: SelectionOptions): TranslationSelection {
  return new TranslationSelection(selectionOf(options));
}

function termOf(term: SelectionTerm): WeightedCriterion {
  if (typeof term !== 'object' || term === null) {
    throw new DecadeError('usage', { where: 'selection', received: shownValue(term), allowed: "terms such as { by: 'mbr' }" });
  }
  const { by, ...given } = term;
  if (typeof by === 'object' && by !== null && typeof by.valuations === 'function') return weighted(plainOptions, given, by.name, () => by);
  const create = Object.entries(criteria).find(([name]) => name === by)?.[1];
  if (create !== undefined) return create(given);
  const nearest = typeof by === 'string' ? nearestName(by, criterionNames) : undefined;
  throw new DecadeError('usage', {
    where: 'selection.by',
    received: shownValue(by),
    allowed: `${criterionNames.join(', ')}, or a criterion`,
    ...(nearest !== undefined && { next: `did you mean ${nearest}?` }),
  });
}

function weighted<Schema extends z.ZodType<{ weight: number }>>(
  schema: Schema,
  given: object,
  name: string,
  create: (options: Omit<z.output<Schema>, 'weight'>) => Criterion,
): WeightedCriterion {
  const { weight, ...options } = resolveOptions(schema, given as z.input<Schema>, `selection by ${name}`);
  return { criterion: create(options), weight };
}
