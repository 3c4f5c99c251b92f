import { resolveOptions } from '../../../core/options.js';
import type { SpecialIds } from '../../../text/tokenizer.js';
import type { PhraseTable } from '../phrase-table.js';
import { bestDerivations } from './best-derivations.js';
import { Coverages } from './coverage.js';
import { CubePruning, type SearchedSentence } from './cube-pruning.js';
import { describeDerivation, type PhraseTranslation } from './derivation.js';
import { PhraseExtensions } from './extensions.js';
import { featureIndex, type TranslationWeights } from './features.js';
import { FutureCosts } from './future-costs.js';
import { LanguageModelCache, type PhraseLanguageModel } from './language-model-cache.js';
import { Lattice } from './lattice.js';
import { type PhraseSearchOptions, type PhraseSearchOptionsInput, phraseSearchOptions } from './options.js';
import { PhraseRanking } from './ranked-options.js';
import { LexicalisedReordering } from './reordering.js';
import { TranslationOptions } from './translation-options.js';

/** What sentences are translated with. */
export interface PhraseSearchModel {
  readonly table: PhraseTable;
  /** Over the target words of the table. */
  readonly languageModel: PhraseLanguageModel;
  readonly weights: TranslationWeights;
  /** Of the target. */
  readonly special: PhraseSpecialIds;
}

/** The special ids of target words. */
export interface PhraseSpecialIds extends Pick<SpecialIds, 'begin' | 'end'> {
  /** What stands for a source word that has no translation. */
  readonly unknown: number;
}

/**
 * Stack decoding (Koehn et al. 2003, "Statistical phrase-based translation"; with cube pruning, Huang and Chiang 2007). A hypothesis
 * grows phrase by phrase from left to right in the target, while it covers the source in any order. Those that have translated the
 * same number of source words compete in a stack, by their score and what the rest is thought to cost. The same sentence has
 * the same translations whenever it is translated.
 */
export class PhraseSearch {
  readonly #weights: TranslationWeights;
  readonly #special: PhraseSpecialIds;
  readonly #options: PhraseSearchOptions;
  readonly #languageModel: LanguageModelCache;
  readonly #ranking: PhraseRanking;

  /** @throws DecadeError `usage` for an option that is not allowed */
  constructor({ table, languageModel, weights, special }: PhraseSearchModel, options: PhraseSearchOptionsInput = {}) {
    this.#options = resolveOptions(phraseSearchOptions, options, 'phrase search options');
    this.#weights = weights;
    this.#special = special;
    this.#languageModel = new LanguageModelCache(languageModel);
    this.#ranking = new PhraseRanking(table, weights, this.#languageModel, special.unknown, this.#options.optionsPerPhrase);
  }

  /** Distinct translations of a sentence of any length, the best first: as many as were asked for, if there are so many. */
  translate(sentence: ArrayLike<number>): PhraseTranslation[] {
    const search = this.#prepare(sentence);
    const { lattice, options } = search;
    const cubes = new CubePruning(search);
    let made = 0;
    for (let size = 0; size < options.length; size++) {
      for (const group of this.#stack(search, made)) cubes.add(group);
      made = lattice.nodes;
      cubes.extend(size + 1, this.#options.popLimit);
    }
    // All complete hypotheses are one node, made last.
    return bestDerivations(lattice, lattice.nodes - 1, this.#options.nbest, options)
      .map((derivation) => describeDerivation(derivation, search, this.#special))
      .sort((a, b) => b.score - a.score);
  }

  #prepare(sentence: ArrayLike<number>): SearchedSentence {
    const weights = this.#weights;
    const languageModel = this.#languageModel;
    const options = new TranslationOptions(sentence, this.#ranking);
    const coverages = new Coverages(options.length);
    const futureCosts = new FutureCosts(options, coverages, weights[featureIndex('distortion')] as number);
    const begun = languageModel.nextStates[languageModel.ask(languageModel.start, this.#special.begin)] as number;
    return {
      options,
      futureCosts,
      extensions: new PhraseExtensions(options, coverages, futureCosts, this.#options.distortionLimit),
      reordering: new LexicalisedReordering(options, weights),
      lattice: new Lattice({ coverage: coverages.empty, end: 0, languageModel: begun, reordering: 0 }),
      weights,
      languageModel,
      endId: this.#special.end,
    };
  }

  /** The best of the nodes from `first` on: those that agree in coverage and end together, the best first. */
  #stack({ lattice, futureCosts, options }: SearchedSentence, first: number): Iterable<number[]> {
    const nodes = Array.from({ length: lattice.nodes - first }, (_, index) => first + index);
    const totals = nodes.map((node) => (lattice.scores[node] as number) + futureCosts.of(lattice.coverage(node), lattice.end(node)));
    nodes.sort((a, b) => (totals[b - first] as number) - (totals[a - first] as number) || a - b);
    const groups = new Map<number, number[]>();
    for (const node of nodes.slice(0, this.#options.stackSize)) {
      const key = lattice.coverage(node) * (options.length + 1) + lattice.end(node);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [node]);
      else group.push(node);
    }
    return groups.values();
  }
}
