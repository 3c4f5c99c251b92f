import { mixed } from './fingerprints.js';
import { NgramHashes, type NgramHashOptions } from './ngram-hashes.js';
import { PagedNumbers, pagedUint32 } from './paged-numbers.js';

export interface NearLinesOptions extends NgramHashOptions {
  /** Jaccard similarity from which lines are near: n-grams that both have over those that either has. */
  readonly similarity: number;
  /** The share of pairs at exactly this similarity that are found; of closer ones it is more. */
  readonly recall: number;
  /** Hashes that are kept of a line: to lines with fewer n-grams its similarity is computed, otherwise estimated. Default: 64. */
  readonly sketch?: number | undefined;
}

/** Signatures are cut into bands of rows; lines that agree on a whole band are compared. */
export interface Banding {
  readonly bands: number;
  readonly rows: number;
}

const [mostRows, mostBands] = [5, 12];

/**
 * Bands of r rows make two lines of similarity s candidates with a probability of 1 − (1 − sʳ)ᵇ (Leskovec, Rajaraman and Ullman 2014,
 * section 3.4). The most rows, which are the fewest false candidates, with which at most 12 bands give the recall.
 */
export function bandingFor(similarity: number, recall: number): Banding {
  const bandsOf = (rows: number) => Math.max(1, Math.ceil(Math.log(1 - recall) / Math.log(1 - similarity ** rows)));
  let rows = mostRows;
  while (rows > 1 && bandsOf(rows) > mostBands) rows--;
  return { bands: bandsOf(rows), rows };
}

/** Lines that a line is compared with at most: a template may stand in thousands. */
const mostCompared = 256;
const loadOfHeads = 2;

/**
 * Finds lines that are near to a given one by MinHash signatures and locality-sensitive hashing (Broder 1997), and compares each with what
 * was kept of it: the `sketch` smallest hashes of its n-grams, to 16 bits. Of lines with fewer n-grams that is all of them; of longer
 * ones the similarity is an estimate (bottom-k sketches, Cohen and Kaplan 2007), with 64 hashes with a standard error of at most 0.06.
 *
 * Memory per line: 8 bytes, 2 for each n-gram up to `sketch`, and 10 to 12 for each band.
 */
export class NearLines {
  readonly banding: Banding;
  readonly #similarity: number;
  readonly #sketch: number;
  readonly #ngrams: NgramHashes;
  readonly #multipliers: Int32Array;
  readonly #seeds: Int32Array;
  readonly #signature: Uint32Array;
  readonly #bandKeys: Uint32Array;
  #own: Uint32Array = new Uint32Array(0);
  /** Of each line that was added: its number, and where its sketch ends. */
  readonly #numbers = pagedUint32();
  readonly #ends = pagedUint32();
  readonly #sketches = new PagedNumbers((length) => new Uint16Array(length));
  /** A node for each band of each line: its key, and the next node with a key of the same place, plus 1. */
  readonly #keys = pagedUint32();
  readonly #next = pagedUint32();
  #heads = new Uint32Array(1024);

  constructor({ similarity, recall, sketch = 64, ...ngrams }: NearLinesOptions) {
    this.banding = bandingFor(similarity, recall);
    this.#similarity = similarity;
    this.#sketch = sketch;
    this.#ngrams = new NgramHashes(ngrams);
    const { bands, rows } = this.banding;
    this.#signature = new Uint32Array(bands * rows);
    this.#bandKeys = new Uint32Array(bands);
    this.#seeds = Int32Array.from(this.#signature, (_, index) => mixed(2 * index + 1));
    this.#multipliers = Int32Array.from(this.#signature, (_, index) => mixed(2 * index + 2) | 1);
  }

  /** Bytes that are held. */
  get bytes(): number {
    const pages = 4 * (this.#numbers.length + this.#ends.length + this.#keys.length + this.#next.length);
    return pages + 2 * this.#sketches.length + 4 * this.#heads.length;
  }

  /** Calls `visit` with each line that is near to this one, until it returns true. */
  visitNear(sides: readonly string[], visit: (number: number, similarity: number) => boolean): void {
    this.#sign(sides);
    const compared = new Set<number>();
    for (const key of this.#bandKeys) {
      for (let node = this.#headOf(key); node > 0 && compared.size < mostCompared; node = this.#next.get(node - 1)) {
        if (this.#keys.get(node - 1) !== key) continue;
        const entry = Math.floor((node - 1) / this.banding.bands);
        if (compared.has(entry)) continue;
        compared.add(entry);
        const similarity = this.#similarityTo(entry);
        if (similarity >= this.#similarity && visit(this.#numbers.get(entry), similarity)) return;
      }
    }
  }

  /** Adds the line that `visitNear` was last called with. */
  add(number: number): void {
    this.#numbers.push(number);
    for (const hash of this.#own.subarray(0, this.#sketch)) this.#sketches.push(hash >>> 16);
    this.#ends.push(this.#sketches.length);
    for (const key of this.#bandKeys) {
      if (this.#keys.length >= loadOfHeads * this.#heads.length) this.#growHeads();
      const place = key & (this.#heads.length - 1);
      this.#keys.push(key);
      this.#next.push(this.#heads[place] as number);
      this.#heads[place] = this.#keys.length;
    }
  }

  /** Signature and band keys of a line. */
  #sign(sides: readonly string[]): void {
    const own = this.#ngrams.of(sides);
    this.#own = own;
    const { bands, rows } = this.banding;
    for (let place = 0; place < this.#signature.length; place++) {
      const [seed, multiplier] = [this.#seeds[place] as number, this.#multipliers[place] as number];
      let least = 0xffff_ffff;
      for (let index = 0; index < own.length; index++) {
        const value = Math.imul((own[index] as number) ^ seed, multiplier) >>> 0;
        if (value < least) least = value;
      }
      this.#signature[place] = least;
    }
    for (let band = 0; band < bands; band++) {
      let key = mixed(band + 1);
      for (let row = 0; row < rows; row++) key = mixed(key ^ (this.#signature[band * rows + row] as number));
      this.#bandKeys[band] = key;
    }
  }

  #headOf(key: number): number {
    return this.#heads[key & (this.#heads.length - 1)] as number;
  }

  /** Jaccard similarity of the last signed line to one that was added: what both have of the smallest hashes that either has. */
  #similarityTo(entry: number): number {
    const own = this.#own;
    const ownLength = Math.min(own.length, this.#sketch);
    let place = entry === 0 ? 0 : this.#ends.get(entry - 1);
    const end = this.#ends.get(entry);
    const isWhole = ownLength < this.#sketch && end - place < this.#sketch;
    const most = isWhole ? Number.POSITIVE_INFINITY : this.#sketch;
    let [index, common, either] = [0, 0, 0];
    while (either < most && index < ownLength && place < end) {
      const [mine, theirs] = [(own[index] as number) >>> 16, this.#sketches.get(place)];
      if (mine === theirs) common++;
      if (mine <= theirs) index++;
      if (theirs <= mine) place++;
      either++;
    }
    either = Math.min(most, either + ownLength - index + end - place);
    return either === 0 ? 1 : common / either;
  }

  #growHeads(): void {
    this.#heads = new Uint32Array(2 * this.#heads.length);
    for (let node = 0; node < this.#keys.length; node++) {
      const place = this.#keys.get(node) & (this.#heads.length - 1);
      this.#next.set(node, this.#heads[place] as number);
      this.#heads[place] = node + 1;
    }
  }
}
