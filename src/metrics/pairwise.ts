import type { NgramScore } from './ngram-metric.js';

/** N-grams of one order in all texts: which text has which how often, and the other way round. */
interface OrderIndex {
  /** Those of text t are from starts[t] to starts[t + 1], each once. */
  readonly starts: Int32Array;
  readonly ngrams: Int32Array;
  readonly counts: Int32Array;
  /** Texts with n-gram g are from textStarts[g] to textStarts[g + 1]. */
  readonly textStarts: Int32Array;
  readonly texts: Int32Array;
  readonly textCounts: Int32Array;
}

/**
 * Scores of texts against each other. Every text's n-grams are counted once; comparing one with all others then takes a step for each
 * n-gram that two of them share. Holds memory in proportion to the texts' length times the order.
 */
export class PairwiseScores {
  readonly #metric: NgramScore;
  readonly #orders: readonly OrderIndex[];
  readonly #size: number;
  /** [texts, orders]: n-grams of each text. */
  readonly #totals: Float64Array;
  /** [texts, orders]: of the text that is being compared with each. */
  readonly #matches: Float64Array;

  constructor(metric: NgramScore, texts: readonly string[]) {
    this.#metric = metric;
    this.#size = texts.length;
    const lengths: Int32Array[] = [];
    const indices: OrderIndex[] = [];
    for (const { order, split } of metric.units) {
      const symbols = numbered(texts.map(split));
      indices.push(...indicesOf(symbols.texts, symbols.distinct, order));
      for (let size = 1; size <= order; size++)
        lengths.push(Int32Array.from(symbols.texts, ({ length }) => Math.max(0, length - size + 1)));
    }
    this.#orders = indices;
    this.#totals = new Float64Array(texts.length * indices.length);
    for (let text = 0; text < texts.length; text++) {
      for (const [order, of] of lengths.entries()) this.#totals[text * indices.length + order] = of[text] as number;
    }
    this.#matches = new Float64Array(texts.length * indices.length);
  }

  /** The score, 0 to 100, of one of the texts with each of the first `references` texts as its only reference. */
  of(hypothesis: number, references = this.#size): Float64Array {
    const orders = this.#orders.length;
    this.#match(hypothesis, references);
    const [own, ofReference, matches] = [new Float64Array(orders), new Float64Array(orders), new Float64Array(orders)];
    for (let order = 0; order < orders; order++) own[order] = this.#totals[hypothesis * orders + order] as number;
    const scores = new Float64Array(references);
    for (let reference = 0; reference < references; reference++) {
      for (let order = 0; order < orders; order++) {
        ofReference[order] = this.#totals[reference * orders + order] as number;
        matches[order] = this.#matches[reference * orders + order] as number;
      }
      const statistics = this.#metric.statisticsOf(own, ofReference, matches);
      scores[reference] = this.#metric.score(statistics).score;
    }
    return scores;
  }

  #match(hypothesis: number, references: number): void {
    const matches = this.#matches;
    const orders = this.#orders.length;
    matches.fill(0);
    for (const [order, { starts, ngrams, counts, textStarts, texts, textCounts }] of this.#orders.entries()) {
      const end = starts[hypothesis + 1] as number;
      for (let place = starts[hypothesis] as number; place < end; place++) {
        const ngram = ngrams[place] as number;
        const count = counts[place] as number;
        const last = textStarts[ngram + 1] as number;
        for (let other = textStarts[ngram] as number; other < last; other++) {
          const text = texts[other] as number;
          if (text >= references) break;
          const at = text * orders + order;
          matches[at] = (matches[at] as number) + Math.min(count, textCounts[other] as number);
        }
      }
    }
  }
}

/** Symbols as numbers from 0. */
function numbered(texts: readonly (readonly string[])[]): { readonly texts: readonly Int32Array[]; readonly distinct: number } {
  const numbers = new Map<string, number>();
  const numberOf = (symbol: string) => {
    const known = numbers.get(symbol);
    if (known !== undefined) return known;
    numbers.set(symbol, numbers.size);
    return numbers.size - 1;
  };
  return { texts: texts.map((symbols) => Int32Array.from(symbols, numberOf)), distinct: numbers.size };
}

/** Of each order. An n-gram is numbered by the number of its first n - 1 symbols and its last symbol, as in a trie. */
function indicesOf(texts: readonly Int32Array[], symbols: number, order: number): OrderIndex[] {
  const prefixes = texts.map((text) => text.slice());
  const indices: OrderIndex[] = [];
  let distinct = symbols;
  for (let size = 1; size <= order; size++) {
    if (size > 1) {
      const numbers = new Map<number, number>();
      for (const [index, text] of texts.entries()) {
        const numbersHere = prefixes[index] as Int32Array;
        for (let place = 0; place + size <= text.length; place++) {
          const key = (numbersHere[place] as number) * symbols + (text[place + size - 1] as number);
          let number = numbers.get(key);
          if (number === undefined) {
            number = numbers.size;
            numbers.set(key, number);
          }
          numbersHere[place] = number;
        }
      }
      distinct = numbers.size;
    }
    indices.push(
      orderIndex(
        prefixes.map((numbers) => numbers.subarray(0, Math.max(0, numbers.length - size + 1))),
        distinct,
      ),
    );
  }
  return indices;
}

function orderIndex(texts: readonly Int32Array[], distinct: number): OrderIndex {
  const all = texts.reduce((sum, { length }) => sum + length, 0);
  const [starts, ngrams, counts] = [new Int32Array(texts.length + 1), new Int32Array(all), new Int32Array(all)];
  const textStarts = new Int32Array(distinct + 1);
  /** Where the text that is read has noted an n-gram, if it has. */
  const noted = new Int32Array(distinct).fill(-1);
  let end = 0;
  for (const [text, numbers] of texts.entries()) {
    const start = end;
    for (const ngram of numbers) {
      const place = noted[ngram] as number;
      if (place >= start) {
        (counts[place] as number)++;
        continue;
      }
      noted[ngram] = end;
      ngrams[end] = ngram;
      counts[end++] = 1;
      (textStarts[ngram + 1] as number)++;
    }
    starts[text + 1] = end;
  }
  for (let ngram = 0; ngram < distinct; ngram++) textStarts[ngram + 1] = (textStarts[ngram + 1] as number) + (textStarts[ngram] as number);
  const next = textStarts.slice();
  const [withNgram, textCounts] = [new Int32Array(end), new Int32Array(end)];
  for (let text = 0; text < texts.length; text++) {
    for (let place = starts[text] as number; place < (starts[text + 1] as number); place++) {
      const at = (next[ngrams[place] as number] as number)++;
      withNgram[at] = text;
      textCounts[at] = counts[place] as number;
    }
  }
  return { starts, ngrams, counts, textStarts, texts: withNgram, textCounts };
}
