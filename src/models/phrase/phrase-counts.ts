import type { Bitext } from '../../alignment/bitext.js';
import type { Links } from '../../alignment/symmetrisation.js';
import { NumberedPairs } from '../../core/numbered-pairs.js';
import { extractPhrases } from './extraction.js';
import { type LexicalSums, type LinkCounts, lexicalSums } from './lexical-weights.js';
import { alignmentCode } from './phrase-alignment.js';

/** Most distinct phrase pairs, at 36 bytes for each (60 with reordering): numbers that a float holds. */
export const mostPhrasePairs = 2 ** 24;

/** Kinds of orientation towards each side: monotone, swap, discontinuous. */
export const orientationKinds = 3;

/** What is to be counted. */
export interface PhraseCountsOptions {
  readonly phraseLength: number;
  /** Whether to count how phrases lie to their neighbours. */
  readonly orientations: boolean;
  /** Ids that no phrase has: unknown words. */
  readonly excluded: { readonly source: number | undefined; readonly target: number | undefined };
}

/**
 * The phrase pairs of aligned sentence pairs, how often each occurs, and its lexical weights. Phrases are nodes of a tree of their words:
 * node n + 1 is number n of a pair of a node and a word; 0 is the root.
 */
export class PhraseCounts {
  readonly sources = new NumberedPairs(mostPhrasePairs);
  readonly targets = new NumberedPairs(mostPhrasePairs);
  /** Of source and target nodes. */
  readonly pairs = new NumberedPairs(mostPhrasePairs);
  readonly #options: PhraseCountsOptions;
  #counts = new Int32Array(1 << 10);
  #direct = new Float32Array(1 << 10);
  #inverse = new Float32Array(1 << 10);
  #alignments = new Int32Array(1 << 10);
  #orientations: Int32Array | undefined;

  constructor(options: PhraseCountsOptions) {
    this.#options = options;
    if (options.orientations) this.#orientations = new Int32Array(2 * orientationKinds * this.#counts.length);
  }

  /** By phrase pair. */
  get counts(): Int32Array {
    return this.#counts.subarray(0, this.pairs.size);
  }

  /** Logarithms of the lexical weights, of the alignment for which the direct one is greatest (Koehn et al. 2003). */
  get directLexical(): Float32Array {
    return this.#direct;
  }

  get inverseLexical(): Float32Array {
    return this.#inverse;
  }

  /** See `alignmentCode`. */
  get alignments(): Int32Array {
    return this.#alignments;
  }

  /** [pairs, 2, 3]: how often it was monotone, swapped or neither with what is before it in the target, then with what is after it. */
  get orientations(): Int32Array | undefined {
    return this.#orientations;
  }

  add(bitext: Bitext, pair: number, links: Links, words: LinkCounts): void {
    const [source, target] = [bitext.source(pair), bitext.target(pair)];
    const { phraseLength, excluded } = this.#options;
    const sums = lexicalSums(words, bitext, pair, links);
    const sourceNodes = new SpanNodes(this.sources, source, phraseLength);
    const targetNodes = new SpanNodes(this.targets, target, phraseLength);
    const neighbours = this.#orientations === undefined ? undefined : new LinkedNeighbours(links, source.length, target.length);
    extractPhrases(links, source.length, target.length, phraseLength, (sourceStart, sourceEnd, targetStart, targetEnd) => {
      if (holds(source, sourceStart, sourceEnd, excluded.source) || holds(target, targetStart, targetEnd, excluded.target)) return;
      const sourceNode = sourceNodes.of(sourceStart, sourceEnd);
      const targetNode = targetNodes.of(targetStart, targetEnd);
      if (sourceNode < 0 || targetNode < 0) return;
      const number = this.pairs.add(sourceNode, targetNode);
      if (number < 0) return;
      this.#makeRoom(number);
      this.#count(number, sums, sourceStart, sourceEnd, targetStart, targetEnd);
      if (neighbours !== undefined) this.#countOrientations(number, neighbours, sourceStart, sourceEnd, targetStart, targetEnd);
    });
  }

  #count(number: number, sums: LexicalSums, sourceStart: number, sourceEnd: number, targetStart: number, targetEnd: number): void {
    const direct = Math.fround((sums.direct[targetEnd] as number) - (sums.direct[targetStart] as number));
    const before = this.#counts[number] as number;
    this.#counts[number] = before + 1;
    if (before > 0 && direct <= (this.#direct[number] as number)) return;
    this.#direct[number] = direct;
    this.#inverse[number] = (sums.inverse[sourceEnd] as number) - (sums.inverse[sourceStart] as number);
    this.#alignments[number] = alignmentCode(sums.sourceOf, sourceStart, targetStart, targetEnd);
  }

  #countOrientations(
    number: number,
    neighbours: LinkedNeighbours,
    sourceStart: number,
    sourceEnd: number,
    targetStart: number,
    targetEnd: number,
  ): void {
    const counts = this.#orientations as Int32Array;
    const first = 2 * orientationKinds * number;
    const before = first + neighbours.orientation(sourceStart - 1, sourceEnd, targetStart - 1);
    const after = first + orientationKinds + neighbours.orientation(sourceEnd, sourceStart - 1, targetEnd);
    counts[before] = (counts[before] as number) + 1;
    counts[after] = (counts[after] as number) + 1;
  }

  #makeRoom(number: number): void {
    if (number < this.#counts.length) return;
    const size = 2 * this.#counts.length;
    this.#counts = copied(this.#counts, new Int32Array(size));
    this.#direct = copied(this.#direct, new Float32Array(size));
    this.#inverse = copied(this.#inverse, new Float32Array(size));
    this.#alignments = copied(this.#alignments, new Int32Array(size));
    if (this.#orientations !== undefined) this.#orientations = copied(this.#orientations, new Int32Array(2 * orientationKinds * size));
  }
}

function copied<Numbers extends Int32Array | Float32Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

function holds(words: Int32Array, start: number, end: number, excluded: number | undefined): boolean {
  for (let word = start; word < end; word++) if (words[word] === excluded) return true;
  return false;
}

/** The nodes of the spans of one sentence, made when they are asked for. */
class SpanNodes {
  readonly #tree: NumberedPairs;
  readonly #words: Int32Array;
  readonly #longest: number;
  readonly #nodes: Int32Array;

  constructor(tree: NumberedPairs, words: Int32Array, longest: number) {
    this.#tree = tree;
    this.#words = words;
    this.#longest = longest;
    this.#nodes = new Int32Array(words.length * longest);
  }

  /** -1 where the tree is full. */
  of(start: number, end: number): number {
    if (start === end) return 0;
    const place = start * this.#longest + end - start - 1;
    const known = this.#nodes[place] as number;
    if (known !== 0) return known;
    const parent = this.of(start, end - 1);
    const number = parent < 0 ? parent : this.#tree.add(parent, this.#words[end - 1] as number);
    this.#nodes[place] = number < 0 ? -1 : number + 1;
    return this.#nodes[place] as number;
  }
}

/** Which words of one sentence pair are linked, for the orientation of phrases (word-based, as in Koehn et al. 2005). */
class LinkedNeighbours {
  readonly #isLinked: Uint8Array;
  readonly #sources: number;
  readonly #targets: number;

  constructor(links: Links, sources: number, targets: number) {
    this.#sources = sources;
    this.#targets = targets;
    this.#isLinked = new Uint8Array(sources * targets);
    for (let link = 0; link < links.length; link += 2) this.#isLinked[(links[link] as number) * targets + (links[link + 1] as number)] = 1;
  }

  /** 0: the words at `target` and `monotone` are linked (or the sentence begins or ends with both), 1: those at `swap`, 2: neither. */
  orientation(monotone: number, swap: number, target: number): number {
    return this.#meets(monotone, target) ? 0 : this.#meets(swap, target) ? 1 : 2;
  }

  #meets(source: number, target: number): boolean {
    if (target < 0) return source < 0;
    if (target >= this.#targets) return source >= this.#sources;
    return source >= 0 && source < this.#sources && this.#isLinked[source * this.#targets + target] === 1;
  }
}
