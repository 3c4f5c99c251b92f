import type { ParameterStore } from '../../../nn/parameters.js';
import { type FoundTranslation, type TranslationSearcher, specialIds, type VocabularySizes } from '../../model.js';
import { tablesOf } from '../../ngram/tables.js';
import { NgramTrie } from '../../ngram/trie.js';
import type { PhraseOptions } from '../options.js';
import { featuresOf, weightsName } from '../weights.js';
import { type TranslationFeature, translationFeatures } from './features.js';
import { PhraseSearch, type PhraseSearchModel } from './phrase-search.js';
import { StoredPhraseTable } from '../stored-phrase-table.js';

/** What sentences are searched with, on the parameters where their memory has them now. */
export function phraseSearchModel(store: ParameterStore, options: PhraseOptions, vocabularies: VocabularySizes): PhraseSearchModel {
  const { begin, end, unknown } = specialIds(vocabularies).target;
  // Those of features that it lacks are 0.
  const weights = new Float64Array(translationFeatures.length);
  weights.set(store.get(weightsName)?.value.f32 ?? []);
  return {
    table: new StoredPhraseTable(store, options.phraseLength),
    languageModel: new NgramTrie(tablesOf(store, options.order)),
    weights,
    special: { begin, end, unknown: unknown ?? end },
  };
}

/** Searches by the parameters of a model. What it remembers lasts until the weights change, or the memory grows and leaves the tables elsewhere. */
export class PhraseSearcher implements TranslationSearcher {
  readonly #store: ParameterStore;
  readonly #options: PhraseOptions;
  readonly #vocabularies: VocabularySizes;
  readonly #features: readonly TranslationFeature[];
  #made:
    | { readonly buffer: ArrayBufferLike; readonly weights: Float32Array; readonly nbest: number; readonly search: PhraseSearch }
    | undefined;

  constructor(store: ParameterStore, options: PhraseOptions, vocabularies: VocabularySizes) {
    this.#store = store;
    this.#options = options;
    this.#features = featuresOf(options);
    this.#vocabularies = vocabularies;
  }

  search(source: ArrayLike<number>, nbest: number): FoundTranslation[] {
    return this.#search(nbest)
      .translate(source)
      .map(({ target, score, features, alignment }) => ({ ids: target, score, features: this.#named(features), alignment }));
  }

  #search(nbest: number): PhraseSearch {
    const weights = this.#store.get(weightsName)?.value.f32;
    if (weights === undefined) throw new Error('a model without weights');
    const { buffer } = weights;
    const isSame =
      this.#made?.buffer === buffer && this.#made.nbest === nbest && this.#made.weights.every((value, index) => value === weights[index]);
    if (this.#made === undefined || !isSame) {
      const model = phraseSearchModel(this.#store, this.#options, this.#vocabularies);
      this.#made = { buffer, weights: weights.slice(), nbest, search: new PhraseSearch(model, { ...this.#options.search, nbest }) };
    }
    return this.#made.search;
  }

  #named(features: Float64Array): Record<string, number> {
    return Object.fromEntries(this.#features.map((name, index) => [name, features[index] as number]));
  }
}
