import { type Bin, equalBins } from './bins.js';
import { binsOfFigure3 } from './by-length.js';
import { wordsOf } from './words.js';

/** Ranks of words by how often they occur: 1 is the most frequent. */
export class FrequencyRanks {
  readonly #ranks: ReadonlyMap<string, number>;
  /** The rank of a word that never occurred: one more than the last. */
  readonly unseen: number;

  /** Words that are as frequent as each other rank in the order of their letters. */
  constructor(counts: ReadonlyMap<string, number>) {
    const words = [...counts].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
    this.#ranks = new Map(words.map(([word], index) => [word, index + 1]));
    this.unseen = words.length + 1;
  }

  /** The mean over a text's words; 0 for a text without any. */
  mean(text: string): number {
    const words = wordsOf(text);
    if (words.length === 0) return 0;
    return words.reduce((sum, word) => sum + (this.#ranks.get(word) ?? this.unseen), 0) / words.length;
  }
}

/** Sentences by the average rank of the words of their source (figure 3 of Sutskever et al. 2014, right). */
export function binsByRarity(sources: readonly string[], ranks: FrequencyRanks): Bin[] {
  return equalBins(
    sources.map((source) => Math.round(ranks.mean(source))),
    binsOfFigure3,
  );
}
