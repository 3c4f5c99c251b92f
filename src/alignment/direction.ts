import { unnumbered } from '../core/numbered-pairs.js';
import { digamma } from './digamma.js';
import { diagonalFeature, diagonalProbabilities, expectedFeature } from './diagonal.js';
import type { AlignmentOptions } from './options.js';

/** Probability of a pair of words that were never seen in one sentence pair. */
const unseen = 1e-9;
const tensionSteps = 8;
const tensionRate = 20;
const [smallestTension, largestTension] = [0.1, 14];

/** How the places of a sentence pair's word pairs lie: that of written word w and given word g is at w writtenStride + g givenStride. */
export interface PairPlaces {
  readonly places: Int32Array;
  readonly writtenStride: number;
  readonly givenStride: number;
}

/** How many sentence pairs have so many words. */
export interface SentenceSizes {
  readonly written: number;
  readonly given: number;
  readonly count: number;
}

/**
 * The reparameterised IBM model 2 (Dyer, Chahuneau and Smith 2013, "A simple, fast, and effective reparameterization of IBM Model 2"),
 * in one direction: every word of a sentence is written because of one word of the given sentence, or of none.
 *
 *     P(word w, from g) = (1 - p0) P(g | w, lengths) t(word w | word g)        P(word w, from none) = p0 t(word w | none)
 */
export class AlignmentDirection {
  readonly #options: AlignmentOptions;
  /** t of each word pair, and of each written word given none. In the beginning all words are equally likely. */
  readonly #probabilities: Float32Array;
  readonly #fromNone: Float32Array;
  #counts: Float64Array | undefined;
  readonly #countsFromNone: Float64Array;
  #tension: number;
  /** How many words came from a given one, and the sum of their features: in expectation. */
  #fromGiven = 0;
  #features = 0;
  #written = 0;
  /** For one written word, of every given one. */
  #prior = new Float64Array(64);
  #joint = new Float64Array(64);

  constructor(wordPairs: number, writtenWords: number, options: AlignmentOptions) {
    this.#options = options;
    this.#probabilities = new Float32Array(wordPairs).fill(1);
    this.#counts = new Float64Array(wordPairs);
    this.#fromNone = new Float32Array(writtenWords).fill(1);
    this.#countsFromNone = new Float64Array(writtenWords);
    this.#tension = options.tension;
  }

  get tension(): number {
    return this.#tension;
  }

  /** Of each word pair. */
  get probabilities(): Float32Array {
    return this.#probabilities;
  }

  /** Expected counts of a sentence pair. */
  expect(written: Int32Array, given: number, pairs: PairPlaces): void {
    const { places, writtenStride, givenStride } = pairs;
    const [counts, joint] = [this.#counts ?? new Float64Array(0), this.#room(given)];
    for (let w = 0; w < written.length; w++) {
      const word = written[w] as number;
      const fromNone = this.#weigh(w, word, written.length, given, pairs);
      let sum = fromNone;
      for (let g = 0; g < given; g++) sum += joint[g] as number;
      const scale = 1 / sum;
      this.#countsFromNone[word] = (this.#countsFromNone[word] as number) + fromNone * scale;
      this.#fromGiven += 1 - fromNone * scale;
      for (let g = 0; g < given; g++) {
        const count = (joint[g] as number) * scale;
        const place = places[w * writtenStride + g * givenStride] as number;
        if (place !== unnumbered) counts[place] = (counts[place] as number) + count;
        this.#features += count * diagonalFeature(w + 1, g + 1, written.length, given);
      }
    }
    this.#written += written.length;
  }

  /**
   * Probabilities from the counts that came since the last time, by variational Bayes with a Dirichlet prior, and the tension by
   * gradient ascent.
   *
   * @param givenOf  the given word of each word pair
   */
  maximise(givenOf: Int32Array, givenWords: number, sizes: readonly SentenceSizes[]): void {
    const counts = this.#counts ?? new Float64Array(0);
    const { prior } = this.#options;
    const totals = new Float64Array(givenWords);
    for (let pair = 0; pair < counts.length; pair++) {
      const given = givenOf[pair] as number;
      totals[given] = (totals[given] as number) + (counts[pair] as number) + prior;
    }
    for (let given = 0; given < givenWords; given++) totals[given] = digamma(totals[given] as number);
    for (let pair = 0; pair < counts.length; pair++) {
      this.#probabilities[pair] = Math.exp(digamma((counts[pair] as number) + prior) - (totals[givenOf[pair] as number] as number));
    }
    const fromNone = this.#countsFromNone;
    const total = digamma(fromNone.reduce((sum, count) => sum + count + prior, 0));
    for (let word = 0; word < fromNone.length; word++) this.#fromNone[word] = Math.exp(digamma((fromNone[word] as number) + prior) - total);
    this.#fitTension(sizes);
    counts.fill(0);
    fromNone.fill(0);
    this.#fromGiven = 0;
    this.#features = 0;
    this.#written = 0;
  }

  /** Gives back the room of counts: only alignments are asked for from now on. */
  end(): void {
    this.#counts = undefined;
  }

  /** Writes P(g | w, both sentences) of every written and every given word, at the places of `pairs` in a table that is as large. */
  posteriors(written: ArrayLike<number>, given: number, pairs: PairPlaces, into: Float64Array): void {
    const joint = this.#room(given);
    for (let w = 0; w < written.length; w++) {
      let sum = this.#weigh(w, written[w] as number, written.length, given, pairs);
      for (let g = 0; g < given; g++) sum += joint[g] as number;
      for (let g = 0, at = w * pairs.writtenStride; g < given; g++, at += pairs.givenStride) into[at] = (joint[g] as number) / sum;
    }
  }

  /** The most probable given word of every written one, -1 for none. */
  align(written: ArrayLike<number>, given: number, pairs: PairPlaces, into: Int32Array): void {
    const joint = this.#room(given);
    for (let w = 0; w < written.length; w++) {
      let best = this.#weigh(w, written[w] as number, written.length, given, pairs);
      into[w] = -1;
      for (let g = 0; g < given; g++) {
        if ((joint[g] as number) <= best) continue;
        best = joint[g] as number;
        into[w] = g;
      }
    }
  }

  /** Joint probabilities of a word and every given word it may come from, and, returned, of its coming from none. */
  #weigh(w: number, word: number, written: number, given: number, { places, writtenStride, givenStride }: PairPlaces): number {
    const [prior, joint] = [this.#prior, this.#joint];
    const { nullProbability } = this.#options;
    diagonalProbabilities(w + 1, written, given, this.#tension, prior);
    for (let g = 0, at = w * writtenStride; g < given; g++, at += givenStride) {
      const place = places[at] as number;
      const translated = place === unnumbered ? unseen : (this.#probabilities[place] as number);
      joint[g] = (1 - nullProbability) * (prior[g] as number) * translated;
    }
    return nullProbability * (this.#fromNone[word] ?? unseen);
  }

  #room(given: number): Float64Array {
    if (given > this.#joint.length) {
      this.#prior = new Float64Array(2 * given);
      this.#joint = new Float64Array(2 * given);
    }
    return this.#joint;
  }

  /** The gradient of the likelihood is what was found of the feature, less what the model expects of it for as many words. */
  #fitTension(sizes: readonly SentenceSizes[]): void {
    for (let step = 0; step < tensionSteps; step++) {
      let expected = 0;
      for (const { written, given, count } of sizes) {
        for (let i = 1; i <= written; i++) expected += count * expectedFeature(i, written, given, this.#tension);
      }
      const gradient = (this.#features - (expected * this.#fromGiven) / this.#written) / this.#written;
      this.#tension = Math.min(largestTension, Math.max(smallestTension, this.#tension + tensionRate * gradient));
    }
  }
}
