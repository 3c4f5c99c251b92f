import type { PhraseOptions } from './options.js';
import { reorderingFeatures, type TranslationFeature, translationFeatures, untunedWeights } from './search/features.js';

/** The parameter that has the weight of each of `featuresOf` the model. */
export const weightsName = 'weights';

/** What translations are scored by, in the order of `translationFeatures`, of which they are the first. */
export function featuresOf({ reordering }: Pick<PhraseOptions, 'reordering'>): TranslationFeature[] {
  const unused: readonly string[] = reordering === 'lexicalised' ? [] : reorderingFeatures;
  return translationFeatures.filter((feature) => !unused.includes(feature));
}

/** Weights before they are tuned. */
export function initialWeights(options: Pick<PhraseOptions, 'reordering'>): Float32Array {
  return Float32Array.from(featuresOf(options), (feature) => untunedWeights[feature]);
}
