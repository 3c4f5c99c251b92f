import { phraseFeatures } from '../phrase-table.js';

/** How a phrase lies to its neighbour, and which one: as `PhraseOption.reordering`. */
export const reorderingFeatures = [
  'monotoneBefore',
  'swapBefore',
  'discontinuousBefore',
  'monotoneAfter',
  'swapAfter',
  'discontinuousAfter',
] as const;

/**
 * What a translation is scored by: its score is the sum of its features, each times its weight (Och and Ney 2002, a log-linear
 * model). Those of the phrases, the reordering and the language model are sums of natural logarithms of probabilities. The others
 * are counted as Moses counts them, so that its weights mean the same here:
 *
 *     wordPenalty      -1 for each target word
 *     phrasePenalty    1 for each phrase
 *     distortion       -1 for each source word between the end of a phrase and the beginning of the next
 *     unknownWord      -100 for each source word without a translation
 */
export const translationFeatures = [
  ...phraseFeatures,
  'languageModel',
  'wordPenalty',
  'phrasePenalty',
  'distortion',
  'unknownWord',
  ...reorderingFeatures,
] as const;
export type TranslationFeature = (typeof translationFeatures)[number];

/** One for each of `translationFeatures`, in their order. */
export type TranslationWeights = Float64Array;

export const unknownWordPenalty = -100;

/** Those with which Moses starts to tune. */
export const untunedWeights: Readonly<Record<TranslationFeature, number>> = {
  inversePhrase: 0.2,
  inverseLexical: 0.2,
  directPhrase: 0.2,
  directLexical: 0.2,
  languageModel: 0.5,
  wordPenalty: -1,
  phrasePenalty: 0.2,
  distortion: 0.3,
  unknownWord: 1,
  monotoneBefore: 0.3,
  swapBefore: 0.3,
  discontinuousBefore: 0.3,
  monotoneAfter: 0.3,
  swapAfter: 0.3,
  discontinuousAfter: 0.3,
};

/** The place of a feature among `translationFeatures`. */
export function featureIndex(feature: TranslationFeature): number {
  return translationFeatures.indexOf(feature);
}

export function weightsOf(record: Readonly<Record<TranslationFeature, number>>): TranslationWeights {
  return Float64Array.from(translationFeatures, (feature) => record[feature]);
}
