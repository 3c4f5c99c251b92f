import type { PhraseOption } from '../phrase-table.js';
import type { PhraseRanking, RankedOptions } from './ranked-options.js';

/**
 * The translation options of one sentence, as numbers from 0 on. Those of a span [start, end) follow one another, the most promising
 * first. A word that has none by itself is left as `<unk>`.
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

  constructor(sentence: ArrayLike<number>, ranking: PhraseRanking) {
    this.length = sentence.length;
    this.#longest = Math.max(1, Math.min(ranking.maximumLength, sentence.length));
    const spans = this.length * this.#longest;
    this.#firsts = new Int32Array(spans);
    this.#afterLasts = new Int32Array(spans);
    this.#bestEstimates = new Float64Array(spans).fill(-Infinity);
    for (let start = 0; start < this.length; start++) {
      for (let end = start + 1; end <= this.lastEnd(start); end++) {
        this.#add(start, end, ranking.of(sentence, start, end));
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

  #add(start: number, end: number, { phrases, scores, estimates, isUnknown }: RankedOptions): void {
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
