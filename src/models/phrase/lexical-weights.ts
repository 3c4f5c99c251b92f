import type { Bitext } from '../../alignment/bitext.js';
import type { Links } from '../../alignment/symmetrisation.js';
import { NumberedPairs } from '../../core/numbered-pairs.js';

/** Most linked word pairs. Others would count as never linked. */
const mostWordPairs = 2 ** 24;

/** Probability of a link that was not counted. */
const unseen = 1e-7;

/**
 * How often words are linked. The word that stands for none, to which every word without a link is linked, is -1.
 *
 *     w(t | s) = count(s, t) / count(s)
 */
export class LinkCounts {
  readonly #pairs = new NumberedPairs(mostWordPairs);
  #counts = new Int32Array(1 << 12);
  readonly #ofSource: Int32Array;
  readonly #ofTarget: Int32Array;

  constructor(vocabularies: { readonly source: number; readonly target: number }) {
    this.#ofSource = new Int32Array(vocabularies.source + 1);
    this.#ofTarget = new Int32Array(vocabularies.target + 1);
  }

  add(source: ArrayLike<number>, target: ArrayLike<number>, links: Links): void {
    const [isLinkedSource, isLinkedTarget] = [new Uint8Array(source.length), new Uint8Array(target.length)];
    for (let link = 0; link < links.length; link += 2) {
      const [s, t] = [links[link] as number, links[link + 1] as number];
      isLinkedSource[s] = 1;
      isLinkedTarget[t] = 1;
      this.#count(source[s] as number, target[t] as number);
    }
    for (let s = 0; s < source.length; s++) if (isLinkedSource[s] === 0) this.#count(source[s] as number, -1);
    for (let t = 0; t < target.length; t++) if (isLinkedTarget[t] === 0) this.#count(-1, target[t] as number);
  }

  /** w(target | source), either of which may be -1. */
  direct(source: number, target: number): number {
    const count = this.#countOf(source, target);
    return count === 0 ? unseen : count / (this.#ofSource[source + 1] as number);
  }

  /** w(source | target), either of which may be -1. */
  inverse(source: number, target: number): number {
    const count = this.#countOf(source, target);
    return count === 0 ? unseen : count / (this.#ofTarget[target + 1] as number);
  }

  #count(source: number, target: number): void {
    const pair = this.#pairs.add(source + 1, target + 1);
    if (pair < 0) return;
    if (pair >= this.#counts.length) {
      const more = new Int32Array(2 * this.#counts.length);
      more.set(this.#counts);
      this.#counts = more;
    }
    this.#counts[pair] = (this.#counts[pair] as number) + 1;
    this.#ofSource[source + 1] = (this.#ofSource[source + 1] as number) + 1;
    this.#ofTarget[target + 1] = (this.#ofTarget[target + 1] as number) + 1;
  }

  #countOf(source: number, target: number): number {
    const pair = this.#pairs.find(source + 1, target + 1);
    return pair < 0 ? 0 : (this.#counts[pair] as number);
  }
}

/**
 * What each word of an aligned sentence pair adds to the lexical weights of the phrases that it is in, as sums from the first word on,
 * for all links of a word are inside its phrase (Koehn, Och and Marcu 2003, section 4.4):
 *
 *     log lex(phrase t | phrase s) = sum over words t_j of log of the mean of w(t_j | s_i) over the words s_i that t_j is linked to
 */
export interface LexicalSums {
  /** [target words + 1] */
  readonly direct: Float64Array;
  /** [source words + 1] */
  readonly inverse: Float64Array;
  /** The source word that each target word is most probably due to, -1 for none. */
  readonly sourceOf: Int32Array;
}

export function lexicalSums(counts: LinkCounts, bitext: Bitext, pair: number, links: Links): LexicalSums {
  const [source, target] = [bitext.source(pair), bitext.target(pair)];
  const sourceOf = new Int32Array(target.length).fill(-1);
  const best = new Float64Array(target.length);
  const [direct, inverse] = [new Means(target.length), new Means(source.length)];
  for (let link = 0; link < links.length; link += 2) {
    const [s, t] = [links[link] as number, links[link + 1] as number];
    const probability = counts.direct(source[s] as number, target[t] as number);
    direct.add(t, probability);
    inverse.add(s, counts.inverse(source[s] as number, target[t] as number));
    if (probability <= (best[t] as number)) continue;
    best[t] = probability;
    sourceOf[t] = s;
  }
  return {
    direct: direct.sums((t) => counts.direct(-1, target[t] as number)),
    inverse: inverse.sums((s) => counts.inverse(source[s] as number, -1)),
    sourceOf,
  };
}

class Means {
  readonly #totals: Float64Array;
  readonly #counts: Int32Array;

  constructor(words: number) {
    this.#totals = new Float64Array(words);
    this.#counts = new Int32Array(words);
  }

  add(word: number, probability: number): void {
    this.#totals[word] = (this.#totals[word] as number) + probability;
    this.#counts[word] = (this.#counts[word] as number) + 1;
  }

  sums(withoutLink: (word: number) => number): Float64Array {
    const sums = new Float64Array(this.#totals.length + 1);
    for (let word = 0; word < this.#totals.length; word++) {
      const count = this.#counts[word] as number;
      const mean = count === 0 ? withoutLink(word) : (this.#totals[word] as number) / count;
      sums[word + 1] = (sums[word] as number) + Math.log(mean);
    }
    return sums;
  }
}
