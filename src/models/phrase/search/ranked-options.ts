import { type PhraseOption, type PhraseTable, phraseFeatures } from '../phrase-table.js';
import { featureIndex, type TranslationWeights, unknownWordPenalty } from './features.js';
import type { LanguageModelCache } from './language-model-cache.js';

/** Ways to translate a phrase, wherever it stands: the most promising first; of equal ones, the one that the table names first. */
export interface RankedOptions {
  readonly phrases: readonly PhraseOption[];
  /** Weighted features that do not depend on what is before or after. */
  readonly scores: readonly number[];
  /** The same with what the language model makes of the words alone. */
  readonly estimates: readonly number[];
  /** Whether the only option leaves a word that has no translation. */
  readonly isUnknown: boolean;
}

/** Source phrases that are remembered; when there are as many, all are forgotten. */
const mostRemembered = 2 ** 16;

const wordPenalty = featureIndex('wordPenalty');
const phrasePenalty = featureIndex('phrasePenalty');
const unknownWord = featureIndex('unknownWord');
const languageModelFeature = featureIndex('languageModel');

/** A phrase table as weights and a language model see it. */
export class PhraseRanking {
  readonly #table: PhraseTable;
  readonly #weights: TranslationWeights;
  readonly #languageModel: LanguageModelCache;
  readonly #limit: number;
  readonly #unknown: PhraseOption;
  readonly #remembered = new Map<string, RankedOptions>();

  /**
   * @param unknownId  what a word that has no translation is left as
   * @param limit      options per phrase that are kept
   */
  constructor(table: PhraseTable, weights: TranslationWeights, languageModel: LanguageModelCache, unknownId: number, limit: number) {
    this.#table = table;
    this.#weights = weights;
    this.#languageModel = languageModel;
    this.#limit = limit;
    this.#unknown = {
      target: Int32Array.of(unknownId),
      features: new Float32Array(phraseFeatures.length),
      alignment: Int8Array.of(0),
    };
  }

  get maximumLength(): number {
    return this.#table.maximumLength;
  }

  /** Of the words from `start` to before `end`: at least one for a single word. */
  of(sentence: ArrayLike<number>, start: number, end: number): RankedOptions {
    let key = `${sentence[start]}`;
    for (let place = start + 1; place < end; place++) key += ` ${sentence[place]}`;
    let ranked = this.#remembered.get(key);
    if (ranked === undefined) {
      const found = this.#table.options(sentence, start, end);
      const isUnknown = found.length === 0 && end === start + 1;
      ranked = this.#rank(isUnknown ? [this.#unknown] : found, isUnknown);
      if (this.#remembered.size >= mostRemembered) this.#remembered.clear();
      this.#remembered.set(key, ranked);
    }
    return ranked;
  }

  #rank(phrases: readonly PhraseOption[], isUnknown: boolean): RankedOptions {
    const weight = this.#weights[languageModelFeature] as number;
    const scores = phrases.map((phrase) => this.#score(phrase, isUnknown));
    const estimates = phrases.map(({ target }, index) => (scores[index] as number) + weight * this.#languageModel.readAlone(target));
    const order = Array.from(phrases.keys())
      .sort((a, b) => (estimates[b] as number) - (estimates[a] as number) || a - b)
      .slice(0, this.#limit);
    return {
      phrases: order.map((index) => phrases[index] as PhraseOption),
      scores: order.map((index) => scores[index] as number),
      estimates: order.map((index) => estimates[index] as number),
      isUnknown,
    };
  }

  #score({ target, features }: PhraseOption, isUnknown: boolean): number {
    const weights = this.#weights;
    let score = (weights[phrasePenalty] as number) - (weights[wordPenalty] as number) * target.length;
    for (let index = 0; index < phraseFeatures.length; index++) score += (weights[index] as number) * (features[index] as number);
    if (isUnknown) score += (weights[unknownWord] as number) * unknownWordPenalty;
    return score;
  }
}
