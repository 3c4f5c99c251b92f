import { turns } from '../core/event-loop.js';
import { unnumbered } from '../core/numbered-pairs.js';
import type { Bitext } from './bitext.js';
import { diagonalProbabilities } from './diagonal.js';
import type { AlignmentDirection, PairPlaces } from './direction.js';
import type { AlignmentOptions } from './options.js';
import { type AlignmentControl, forwardPlaces, pairsAtOnce, reversePlaces, type WordAlignment } from './word-alignment.js';

type Words = ArrayLike<number>;

/**
 * How well the two sides of a sentence pair explain each other, by the links that an alignment expects of its corpus. With c of expected
 * links, u the share of a word among all, and the diagonal and p0 of the alignment, a word w at place i of m is, given n words,
 *
 *     t(w | g) = c(w, g) / c(g)        lift(w) = p0 + (1 - p0) sum_j P(j | i, m, n) t(w | g_j) / u(w)
 *
 * times as likely as without the other side. A side's score is the mean of log lift(w) over its words, so that neither length nor rare
 * words count against it; a pair's is the mean of both. A pair of the corpus is left out of c and u for its own score (leaving one out:
 * Wuebker, Mauser and Ney 2010), otherwise its rare words would be explained by what they happen to stand beside.
 */
export class PairScores {
  readonly #alignment: WordAlignment;
  readonly #forward: ExpectedLinks;
  readonly #reverse: ExpectedLinks;

  private constructor(alignment: WordAlignment, forward: ExpectedLinks, reverse: ExpectedLinks) {
    this.#alignment = alignment;
    this.#forward = forward;
    this.#reverse = reverse;
  }

  /**
   * Reads the pairs once more that were aligned.
   *
   * @param alignment  in both directions
   */
  static async count(
    alignment: WordAlignment,
    bitext: Bitext,
    { source, target }: { readonly source: number; readonly target: number },
    { nullProbability }: AlignmentOptions,
    { signal }: Pick<AlignmentControl, 'signal'> = {},
  ): Promise<PairScores> {
    const { forward, reverse } = alignment.directions;
    if (forward === undefined || reverse === undefined) throw new Error('an alignment in both directions');
    const { size } = alignment.wordPairs;
    const scores = new PairScores(
      alignment,
      new ExpectedLinks(forward, { pairs: size, written: target, given: source }, nullProbability),
      new ExpectedLinks(reverse, { pairs: size, written: source, given: target }, nullProbability),
    );
    const turn = turns();
    for (let pair = 0; pair < bitext.pairs; pair++) {
      scores.#sides(bitext.source(pair), bitext.target(pair), (links) => links.add());
      if (pair % pairsAtOnce !== 0) continue;
      signal?.throwIfAborted();
      await turn();
    }
    return scores;
  }

  /**
   * In nats per word: about 0 for words that have nothing to do with each other, log p0 = -2.5 at least. NaN for a side without words that
   * occur elsewhere.
   *
   * @param isOfCorpus  the pair is one of those that were aligned
   */
  score(source: Words, target: Words, isOfCorpus: boolean): number {
    const scores: number[] = [];
    this.#sides(source, target, (links) => scores.push(isOfCorpus ? links.scoreWithout() : links.score()));
    return scores.reduce((sum, score) => sum + score, 0) / scores.length;
  }

  /** Gives both directions their view of a sentence pair. */
  #sides(source: Words, target: Words, visit: (links: ExpectedLinks) => void): void {
    if (source.length === 0 || target.length === 0) return;
    const places = this.#alignment.placesOf(source, target);
    this.#forward.view(target, source, forwardPlaces(places, target.length));
    visit(this.#forward);
    this.#reverse.view(source, target, reversePlaces(places, target.length));
    visit(this.#reverse);
  }
}

/** Links that are left of a count from which all that there were have been taken. */
const least = 1e-6;

/** The links of one direction, in expectation, and a sentence pair that is looked at. */
class ExpectedLinks {
  readonly #direction: AlignmentDirection;
  readonly #nullProbability: number;
  /** Of each word pair, and of each given word. */
  readonly #links: Float64Array;
  readonly #ofGiven: Float64Array;
  /** Of each written word, and of all. */
  readonly #frequency: Float64Array;
  #words = 0;
  #written: Words = [];
  #given: Words = [];
  #pairs: PairPlaces = { places: new Int32Array(0), writtenStride: 0, givenStride: 0 };
  #posteriors = new Float64Array(256);
  #linksBefore = new Float64Array(256);
  #prior = new Float64Array(64);

  constructor(
    direction: AlignmentDirection,
    sizes: { readonly pairs: number; readonly written: number; readonly given: number },
    nullProbability: number,
  ) {
    this.#direction = direction;
    this.#nullProbability = nullProbability;
    this.#links = new Float64Array(sizes.pairs);
    this.#ofGiven = new Float64Array(sizes.given);
    this.#frequency = new Float64Array(sizes.written);
  }

  view(written: Words, given: Words, pairs: PairPlaces): void {
    this.#written = written;
    this.#given = given;
    this.#pairs = pairs;
    const cells = written.length * given.length;
    if (cells > this.#posteriors.length) {
      this.#posteriors = new Float64Array(2 * cells);
      this.#linksBefore = new Float64Array(2 * cells);
    }
    if (given.length > this.#prior.length) this.#prior = new Float64Array(2 * given.length);
    this.#direction.posteriors(written, given.length, pairs, this.#posteriors);
  }

  /** Counts the pair. */
  add(): void {
    this.#change(1);
  }

  /** The score by all other pairs. The counts are what they were afterwards, to the last bit. */
  scoreWithout(): number {
    const { places } = this.#pairs;
    const [links, ofGiven, given] = [this.#links, this.#ofGiven, this.#given];
    const cells = this.#written.length * given.length;
    for (let at = 0; at < cells; at++) this.#linksBefore[at] = links[places[at] as number] ?? 0;
    const ofGivenBefore = Array.from(given, (word) => ofGiven[word] as number);
    this.#change(-1);
    const score = this.score();
    this.#change(1);
    for (let at = 0; at < cells; at++) if (places[at] !== unnumbered) links[places[at] as number] = this.#linksBefore[at] as number;
    for (const [g, count] of ofGivenBefore.entries()) ofGiven[given[g] as number] = count;
    return score;
  }

  #change(sign: 1 | -1): void {
    const [links, ofGiven, frequency] = [this.#links, this.#ofGiven, this.#frequency];
    const { places, writtenStride, givenStride } = this.#pairs;
    for (let w = 0; w < this.#written.length; w++) {
      const word = this.#written[w] as number;
      frequency[word] = (frequency[word] as number) + sign;
      for (let g = 0, at = w * writtenStride; g < this.#given.length; g++, at += givenStride) {
        const [place, given] = [places[at] as number, this.#given[g] as number];
        const change = sign * (this.#posteriors[at] as number);
        ofGiven[given] = (ofGiven[given] as number) + change;
        if (place !== unnumbered) links[place] = (links[place] as number) + change;
      }
    }
    this.#words += sign * this.#written.length;
  }

  /** The mean of log lift. */
  score(): number {
    const { places, writtenStride, givenStride } = this.#pairs;
    const [m, n, p0] = [this.#written.length, this.#given.length, this.#nullProbability];
    let [sum, known] = [0, 0];
    for (let w = 0; w < m; w++) {
      const frequency = this.#frequency[this.#written[w] as number] ?? 0;
      // Of a word that occurs nowhere else nothing can be said.
      if (frequency === 0) continue;
      diagonalProbabilities(w + 1, m, n, this.#direction.tension, this.#prior);
      let translated = 0;
      for (let g = 0, at = w * writtenStride; g < n; g++, at += givenStride) {
        const place = places[at] as number;
        if (place === unnumbered) continue;
        const [links, all] = [this.#links[place] as number, this.#ofGiven[this.#given[g] as number] as number];
        if (links > least) translated += ((this.#prior[g] as number) * links) / all;
      }
      sum += Math.log(p0 + ((1 - p0) * translated * this.#words) / frequency);
      known++;
    }
    return sum / known;
  }
}
