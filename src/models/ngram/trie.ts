import type { NgramTable } from './tables.js';

/** What has been read, as far as it decides what follows: equal numbers predict the same for ever. */
export type NgramState = number;

/**
 * A back-off language model as an automaton. Its states are the n-grams that others extend; in one, reading a token costs its
 * log-probability and leads to the state of the longest such n-gram that the text now ends with.
 *
 *     log P(w | h) = log P of the n-gram h w, if there is one
 *                    back-off of h + log P(w | h without its first token), otherwise
 */
export class NgramTrie {
  /** Nothing has been read: neither a text nor `<s>`. */
  readonly start: NgramState = 0;
  readonly order: number;
  readonly #tables: readonly NgramTable[];
  /** The state of the first n-gram of each order, from 0 (no token) on: states are the places of n-grams, order after order. */
  readonly #first: readonly number[];

  /** @param tables  of each order, from unigrams on */
  constructor(tables: readonly NgramTable[]) {
    this.order = tables.length;
    this.#tables = tables;
    const first = [0, 1];
    for (const { logProbabilities } of tables.slice(0, -1)) first.push((first.at(-1) ?? 0) + logProbabilities.length);
    this.#first = first;
  }

  /** What a token of the vocabulary costs in a state, in nats, and the state after it. */
  score(state: NgramState, token: number): readonly [logProbability: number, next: NgramState] {
    let order = this.#orderOf(state);
    let place = state - (this.#first[order] as number);
    let backOff = 0;
    for (;;) {
      const found = this.#extension(order, place, token);
      if (found >= 0) {
        const { logProbabilities } = this.#tables[order] as NgramTable;
        return [backOff + (logProbabilities[found] as number), this.#stateOf(order + 1, found)];
      }
      backOff += this.#backOff(order, place);
      place = this.#shorter(order, place);
      order--;
    }
  }

  /** The log-probabilities of all tokens in a state, in nats. */
  predict(state: NgramState, into: Float32Array): void {
    const lastOrder = this.#orderOf(state);
    const places: number[] = [];
    for (let order = lastOrder, place = state - (this.#first[order] as number); order > 0; order--) {
      places[order] = place;
      place = this.#shorter(order, place);
    }
    // What stands in front of each order: the back-offs of all longer histories.
    const weights = new Array<number>(lastOrder + 1).fill(0);
    for (let order = lastOrder; order > 0; order--) {
      weights[order - 1] = (weights[order] as number) + this.#backOff(order, places[order] as number);
    }
    const unigrams = (this.#tables[0] as NgramTable).logProbabilities;
    const backOff = weights[0] as number;
    for (let token = 0; token < unigrams.length; token++) into[token] = backOff + (unigrams[token] as number);
    for (let order = 1; order <= lastOrder; order++) {
      const { tokens = empty, logProbabilities = empty } = this.#tables[order] ?? {};
      const [begin, end] = this.#extensions(order, places[order] as number);
      const weight = weights[order] as number;
      for (let place = begin; place < end; place++) into[tokens[place] as number] = weight + (logProbabilities[place] as number);
    }
  }

  #orderOf(state: NgramState): number {
    let order = this.order - 1;
    while (state < (this.#first[order] as number)) order--;
    return order;
  }

  /** The shortest history that predicts as this n-gram does: what nothing extends says no more than its shorter form. */
  #stateOf(order: number, place: number): NgramState {
    while (order > 0 && (order === this.order || this.#saysNothing(order, place))) {
      place = this.#shorter(order, place);
      order--;
    }
    return (this.#first[order] as number) + place;
  }

  #saysNothing(order: number, place: number): boolean {
    const [begin, end] = this.#extensions(order, place);
    return begin === end && this.#backOff(order, place) === 0;
  }

  #backOff(order: number, place: number): number {
    return this.#tables[order - 1]?.backOffs?.[place] ?? 0;
  }

  #shorter(order: number, place: number): number {
    return this.#tables[order - 1]?.shorter?.[place] ?? 0;
  }

  #extensions(order: number, place: number): readonly [begin: number, end: number] {
    const { extensions = empty } = this.#tables[order - 1] ?? {};
    return [extensions[place] ?? 0, extensions[place + 1] ?? 0];
  }

  /** The place, one order higher, of an n-gram and one more token; -1 where there is no such n-gram. Halves the range at each step. */
  #extension(order: number, place: number, token: number): number {
    if (order === 0) return token;
    const { tokens = empty } = this.#tables[order] ?? {};
    let [low, high] = this.#extensions(order, place);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = tokens[middle] as number;
      if (there === token) return middle;
      if (there < token) low = middle + 1;
      else high = middle;
    }
    return -1;
  }
}

const empty = new Float32Array(0);
