import { type PhraseOption, type PhraseTable, phraseFeatures } from '../phrase-table.js';
import { featureIndex, type TranslationWeights, unknownWordPenalty } from './features.js';
import type { LanguageModelCache } from './language-model-cache.js';

/** Ways to translate a phrase, wherever it stands: the most promising first. */
interface RankedOptions {
  readonly phrases: readonly PhraseOption[];
  /** Weighted features that do not depend on what is before or after. */
  readonly scores: readonly number[];
  /** The same with what the language model makes of the words alone. */
  readonly estimates: readonly number[];
}

/** What options of all sentences have in common. */
export interface OptionsSource {
  readonly table: PhraseTable;
  readonly weights: TranslationWeights;
  readonly languageModel: LanguageModelCache;
  readonly optionsPerPhrase: number;
  /** `<unk>` of the target. */
  readonly unknownId: number;
}

/**
 * The translation options of one sentence, as numbers from 0 on. Those of a span [start, end) follow one another, the most promising
 * first; of two that are equal, the one that the table names first. A word that has none by itself is left as `<unk>`.
 */
export class TranslationOptions {
  /** Source words of the sentence. */
  readonly length: number;
  /** By option. */
  readonly phrases: PhraseOption[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly scores: number[] = [];
  readonly isUnknown: boolean[] = [];
  /** Target words of all options one after the other; those of an option begin at `wordBegins` and end where the next begin. */
  readonly words: number[] = [];
  readonly wordBegins: number[] = [0];
  readonly #longest: number;
  /** By span: the first option, and the first of the next span; what the best option is thought to bring. */
  readonly #firsts: Int32Array;
  readonly #afterLasts: Int32Array;
  readonly #bestEstimates: Float64Array;

  constructor(sentence: ArrayLike<number>, source: OptionsSource) {
    this.length = sentence.length;
    this.#longest = Math.max(1, Math.min(source.table.maximumLength, sentence.length));
    const spans = this.length * this.#longest;
    this.#firsts = new Int32Array(spans);
    this.#afterLasts = new Int32Array(spans);
    this.#bestEstimates = new Float64Array(spans).fill(-Infinity);
    const unknown = unknownWord(source.unknownId);
    for (let start = 0; start < this.length; start++) {
      for (let end = start + 1; end <= this.lastEnd(start); end++) {
        const found = source.table.options(sentence, start, end);
        const isUnknown = found.length === 0 && end === start + 1;
        this.#add(start, end, rank(isUnknown ? [unknown] : found, isUnknown, source), isUnknown);
      }
    }
  }

  /** The last end of a phrase that starts there. */
  lastEnd(start: number): number {
    return Math.min(this.length, start + this.#longest);
  }

  first(start: number, end: number): number {
    return this.#firsts[this.#span(start, end)] as number;
  }

  afterLast(start: number, end: number): number {
    return this.#afterLasts[this.#span(start, end)] as number;
  }

  /** The most that an option of the span brings, as far as can be said without its neighbours; -Infinity where there is none. */
  bestEstimate(start: number, end: number): number {
    return end > this.lastEnd(start) ? -Infinity : (this.#bestEstimates[this.#span(start, end)] as number);
  }

  #span(start: number, end: number): number {
    return start * this.#longest + end - start - 1;
  }

  #add(start: number, end: number, { phrases, scores, estimates }: RankedOptions, isUnknown: boolean): void {
    const span = this.#span(start, end);
    this.#firsts[span] = this.phrases.length;
    for (const [index, phrase] of phrases.entries()) {
      this.phrases.push(phrase);
      this.starts.push(start);
      this.ends.push(end);
      this.scores.push(scores[index] as number);
      this.isUnknown.push(isUnknown);
      for (const word of phrase.target) this.words.push(word);
      this.wordBegins.push(this.words.length);
    }
    this.#afterLasts[span] = this.phrases.length;
    if (estimates.length > 0) this.#bestEstimates[span] = estimates[0] as number;
  }
}

function unknownWord(unknownId: number): PhraseOption {
  return { target: Int32Array.of(unknownId), features: new Float32Array(phraseFeatures.length), alignment: Int8Array.of(0) };
}

function rank(phrases: readonly PhraseOption[], areUnknown: boolean, source: OptionsSource): RankedOptions {
  const scores = phrases.map((phrase) => scoreAlone(phrase, areUnknown, source.weights));
  const weight = source.weights[featureIndex('languageModel')] as number;
  const estimates = phrases.map(({ target }, index) => (scores[index] as number) + weight * readAlone(target, source.languageModel));
  const order = Array.from(phrases.keys())
    .sort((a, b) => (estimates[b] as number) - (estimates[a] as number) || a - b)
    .slice(0, source.optionsPerPhrase);
  return {
    phrases: order.map((index) => phrases[index] as PhraseOption),
    scores: order.map((index) => scores[index] as number),
    estimates: order.map((index) => estimates[index] as number),
  };
}

function scoreAlone({ target, features }: PhraseOption, isUnknown: boolean, weights: TranslationWeights): number {
  let score = 0;
  for (let index = 0; index < phraseFeatures.length; index++) score += (weights[index] as number) * (features[index] as number);
  score -= (weights[wordPenalty] as number) * target.length;
  score += weights[phrasePenalty] as number;
  if (isUnknown) score += (weights[unknownPenalty] as number) * unknownWordPenalty;
  return score;
}

const wordPenalty = featureIndex('wordPenalty');
const phrasePenalty = featureIndex('phrasePenalty');
const unknownPenalty = featureIndex('unknownWord');

function readAlone(words: Int32Array, languageModel: LanguageModelCache): number {
  let state = languageModel.start;
  let sum = 0;
  for (let place = 0; place < words.length; place++) {
    const slot = languageModel.ask(state, words[place] as number);
    sum += languageModel.logProbabilities[slot] as number;
    state = languageModel.nextStates[slot] as number;
  }
  return sum;
}
