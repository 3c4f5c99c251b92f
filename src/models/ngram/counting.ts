import { turns } from '../../core/event-loop.js';
import type { IdPair } from '../../data/batch.js';
import type { Counted, Counting, Spill } from '../counting.js';
import { specialIds, type VocabularySizes } from '../model.js';
import { CountTrie } from './count-trie.js';
import { smooth } from './kneser-ney.js';
import type { NgramOptions } from './options.js';
import { countWindows } from './sorted-windows.js';
import { SpilledCounts } from './spilled-counts.js';
import { TableValues } from './table-values.js';

/** Tokens that are counted at once, in memory; the counts of each such stretch are kept in a file until all are merged. */
export const tokensAtOnce = 2 ** 21;

/** Counts n-grams in one reading, and makes the tables of a model of them. */
export class NgramCounting implements Counting<NgramOptions> {
  readonly #options: NgramOptions;
  readonly #vocabularies: VocabularySizes;
  readonly #spilled: SpilledCounts;
  /** Ids, each one higher. Behind every document stand zeros, so that no n-gram crosses it. */
  readonly #tokens: Int32Array;
  #length = 0;
  #isInDocument = false;
  readonly #turn = turns();

  constructor(options: NgramOptions, vocabularies: VocabularySizes, spill: Spill, buffer = tokensAtOnce) {
    this.#options = options;
    this.#vocabularies = vocabularies;
    this.#spilled = new SpilledCounts(spill, options.order);
    this.#tokens = new Int32Array(buffer);
  }

  async add({ target, ends = true }: IdPair): Promise<void> {
    const { begin, end } = this.#special;
    for (let place = 0; place < target.length + (ends ? 1 : 0); place++) {
      const token = place < target.length ? (target[place] as number) : end;
      if (this.#length + this.#options.order + 1 > this.#tokens.length) await this.#spill();
      if (!this.#isInDocument) {
        this.#isInDocument = true;
        // Alone it is no n-gram: nothing predicts it.
        if (this.#options.order > 1) this.#put(begin + 1);
        // Where texts go on across documents it stands there already.
        if (token === begin && begin !== end) continue;
      }
      this.#put(token + 1);
      if (token === end) this.#endDocument();
    }
    await this.#turn();
  }

  async finish(): Promise<Counted<NgramOptions> & { readonly parameters: TableValues }> {
    if (this.#isInDocument) this.#endDocument();
    const trie = new CountTrie(this.#options.order);
    if (this.#spilled.isEmpty) this.#count((tokens, at, count) => trie.add(tokens, at, count));
    else {
      await this.#spill();
      await this.#spilled.merge((tokens, at, count) => trie.add(tokens, at, count), this.#turn);
    }
    const { target: size } = this.#vocabularies;
    const { begin, forbidden } = this.#special;
    const counted = trie.finish(size);
    const ngrams = counted.map(({ tokens }) => tokens.length);
    const { tables, discounts } = smooth(counted, { size, begin, forbidden });
    const described = discounts.map(({ discounts: each, areUsual }, index) => {
      const figures = areUsual ? 'the usual ones' : each.map((discount) => discount.toFixed(3)).join(' ');
      return `${(ngrams[index] as number).toLocaleString('en-US')} ${index + 1}-grams (discounts: ${figures})`;
    });
    return { options: { ...this.#options, ngrams }, parameters: new TableValues(tables), description: described.join(', ') };
  }

  dispose(): Promise<void> {
    return this.#spilled.dispose();
  }

  get #special() {
    return specialIds(this.#vocabularies).target;
  }

  #put(value: number): void {
    this.#tokens[this.#length++] = value;
  }

  #endDocument(): void {
    for (let zeros = 1; zeros < this.#options.order; zeros++) this.#put(0);
    this.#isInDocument = false;
  }

  /** The n-grams of what is held; those that have not ended are left for the next time. */
  #count(take: Parameters<typeof countWindows>[4]): void {
    const places = Math.max(0, this.#length - this.#options.order + 1);
    countWindows(this.#tokens, places, this.#options.order, this.#vocabularies.target + 1, take);
    this.#tokens.copyWithin(0, places, this.#length);
    this.#length -= places;
  }

  async #spill(): Promise<void> {
    await this.#spilled.add((take) => this.#count(take));
  }
}
