import type { SpecialIds } from '../../../text/tokenizer.js';
import { phraseFeatures } from '../phrase-table.js';
import type { Derivation } from './best-derivations.js';
import type { SearchedSentence } from './cube-pruning.js';
import { featureIndex, translationFeatures, type TranslationWeights, unknownWordPenalty } from './features.js';
import { addOrientation, jump } from './reordering.js';

type SentenceEnds = Pick<SpecialIds, 'begin' | 'end'>;

/** A translation and how it came about. */
export interface PhraseTranslation {
  /** Target word ids, without `</s>`. */
  readonly target: Int32Array;
  /** By target word: the position of the source word that it translates; -1 for none. */
  readonly alignment: Int32Array;
  /** By `translationFeatures`. */
  readonly features: Float64Array;
  /** The weighted sum of the features. */
  readonly score: number;
}

/** A translation with the features that it is scored by, counted from its phrases. */
export function describeDerivation(derivation: Derivation, search: SearchedSentence, special: SentenceEnds): PhraseTranslation {
  const { options } = search;
  const features = new Float64Array(translationFeatures.length);
  const add = (feature: number, value: number) => {
    (features[feature] as number) += value;
  };
  const target: number[] = [];
  const alignment: number[] = [];
  let previous = -1;
  for (const option of derivation) {
    const phrase = options.phrases[option];
    const start = options.starts[option] as number;
    for (let feature = 0; feature < phraseFeatures.length; feature++) add(feature, phrase?.features[feature] ?? 0);
    for (const [place, word] of (phrase?.target ?? []).entries()) {
      target.push(word);
      const within = phrase?.alignment[place] ?? -1;
      alignment.push(within < 0 ? -1 : start + within);
    }
    add(phrasePenalty, 1);
    add(distortion, -jump(options.ends[previous] ?? 0, start));
    if (options.isUnknown[option]) add(unknownWord, unknownWordPenalty);
    addOrientation(features, previous, option, options);
    previous = option;
  }
  add(wordPenalty, -target.length);
  add(languageModel, logProbabilityOf(target, search, special));
  return {
    target: Int32Array.from(target),
    alignment: Int32Array.from(alignment),
    features,
    score: weighted(features, search.weights),
  };
}

const languageModel = featureIndex('languageModel');
const wordPenalty = featureIndex('wordPenalty');
const phrasePenalty = featureIndex('phrasePenalty');
const distortion = featureIndex('distortion');
const unknownWord = featureIndex('unknownWord');

function logProbabilityOf(target: readonly number[], { languageModel: cache }: SearchedSentence, { begin, end }: SentenceEnds): number {
  let state = cache.nextStates[cache.ask(cache.start, begin)] as number;
  let sum = 0;
  for (const word of [...target, end]) {
    const slot = cache.ask(state, word);
    sum += cache.logProbabilities[slot] as number;
    state = cache.nextStates[slot] as number;
  }
  return sum;
}

function weighted(features: Float64Array, weights: TranslationWeights): number {
  let score = 0;
  for (let feature = 0; feature < features.length; feature++) score += (features[feature] as number) * (weights[feature] as number);
  return score;
}
