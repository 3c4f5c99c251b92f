import * as z from 'zod';
import {
  characterRatio,
  copiedShare,
  damage,
  fewestWords,
  letterShare,
  mostCharacters,
  mostWords,
  numbersInCommon,
  punctuationRatio,
  type Sides,
  wordRatio,
} from './measures.js';
import { shareOfLines } from './share-of-lines.js';

/** Lines are dropped whose figure is more (`most`) or less (`least`) than a bound. */
export interface FilterRule {
  readonly keeps: 'most' | 'least';
  /** What the figure is, for the help text. */
  readonly description: string;
  /** The bound where none is given; undefined: the rule needs what only its user can give. */
  readonly usual: number | undefined;
}

interface TextRule extends FilterRule {
  readonly usual: number;
  measure(sides: Sides): number | undefined;
}

/** Rules that need nothing but the text. In this order: the first that a line does not pass is the reason to drop it. */
export const textRules = {
  short: { keeps: 'least', usual: 1, description: 'words of the shorter side, at least', measure: fewestWords },
  long: { keeps: 'most', usual: 200, description: 'words of the longer side, at most', measure: mostWords },
  characters: { keeps: 'most', usual: 2_000, description: 'characters of the longer side, at most', measure: mostCharacters },
  damage: {
    keeps: 'most',
    usual: 0,
    description: 'signs of damage, at most: mistaken encodings, lost characters, HTML',
    measure: damage,
  },
  letters: { keeps: 'least', usual: 0.5, description: 'share of letters in the characters, at least', measure: letterShare },
  wordRatio: { keeps: 'most', usual: 3, description: 'words of the longer side (+2) over the shorter (+2), at most', measure: wordRatio },
  characterRatio: {
    keeps: 'most',
    usual: 3,
    description: 'characters of the longer side (+10) over the shorter (+10), at most',
    measure: characterRatio,
  },
  copied: {
    keeps: 'most',
    usual: 0.6,
    description: 'share of words on both sides, at most; 1 where the sides are the same',
    measure: copiedShare,
  },
  numbers: { keeps: 'least', usual: 0.5, description: 'share of numbers on both sides, at least', measure: numbersInCommon },
  punctuation: {
    keeps: 'most',
    usual: 3,
    description: 'punctuation marks of the side with more (+2) over the other (+2), at most',
    measure: punctuationRatio,
  },
} as const satisfies Readonly<Record<string, TextRule>>;

/** Rules that need something more: languages, models, a column. */
export const informedRules = {
  language: {
    keeps: 'least',
    usual: 0.8,
    description: 'with languages: how well a side fits its language, over the language that fits best, at least',
  },
  score: { keeps: 'least', usual: undefined, description: 'with a score column: the score, at least' },
  domain: {
    keeps: 'most',
    usual: 0,
    description: 'with two language models: bits per byte in the domain minus those in general, at most',
  },
  alignment: {
    keeps: 'least',
    usual: 0.5,
    description: 'with word alignments: nats by which a word gets more likely by the other side, on average, at least',
  },
} as const satisfies Readonly<Record<string, FilterRule>>;

export type TextRuleName = keyof typeof textRules;
export type RuleName = TextRuleName | keyof typeof informedRules;

export const filterRules: Readonly<Record<RuleName, FilterRule>> = { ...textRules, ...informedRules };
export const ruleNames = Object.keys(filterRules) as readonly RuleName[];

const expected = 'expected a number, a share of the lines such as 10%, or off';

/** A bound of the figure; `10%`: the worst tenth of the lines is dropped; `off`. */
const bound = z.union([z.number(), shareOfLines(expected), z.literal('off')], expected);
export type FilterBound = z.output<typeof bound>;

/** A bound for each rule. */
export const ruleBounds = Object.fromEntries(
  ruleNames.map((name) => {
    const { usual, description } = filterRules[name];
    return [name, bound.default(usual ?? 'off').describe(description)];
  }),
) as Readonly<Record<RuleName, z.ZodDefault<typeof bound>>>;
