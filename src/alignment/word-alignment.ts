import { turns } from '../core/event-loop.js';
import { NumberedPairs } from '../core/numbered-pairs.js';
import type { Bitext } from './bitext.js';
import { AlignmentDirection, type PairPlaces, type SentenceSizes } from './direction.js';
import type { AlignmentOptions } from './options.js';
import { type Links, symmetrise } from './symmetrisation.js';

export interface AlignmentControl {
  readonly signal?: AbortSignal | undefined;
  /** How much of the estimation is done, from 0 to 1. */
  readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** Which direction decides: what each target word comes from (`forward`), what each source word comes from (`reverse`), or both. */
export type AlignmentSides = 'forward' | 'reverse' | 'both';

const directionsOf = { forward: ['forward'], reverse: ['reverse'], both: ['forward', 'reverse'] } as const;

/** Most word pairs that are told apart, at 40 bytes for each with all that is estimated of it. Those that come later keep a floor. */
const mostWordPairs = 2 ** 25;

/** Sentence pairs between two looks at the clock. */
export const pairsAtOnce = 256;

/** Which word translates which, learnt from sentence pairs. */
export class WordAlignment {
  readonly #pairs: NumberedPairs;
  readonly #directions: { forward?: AlignmentDirection; reverse?: AlignmentDirection };
  readonly #options: AlignmentOptions;
  #places = new Int32Array(256);
  #sourceOf = new Int32Array(64);
  #targetOf = new Int32Array(64);

  private constructor(pairs: NumberedPairs, directions: WordAlignment['directions'], options: AlignmentOptions) {
    this.#pairs = pairs;
    this.#directions = directions;
    this.#options = options;
  }

  /** What was estimated. */
  get directions(): { readonly forward?: AlignmentDirection; readonly reverse?: AlignmentDirection } {
    return this.#directions;
  }

  /** The words that occur together. */
  get wordPairs(): NumberedPairs {
    return this.#pairs;
  }

  /** Estimates the model by expectation maximisation. Word ids are below the sizes of the vocabularies. */
  static async estimate(
    bitext: Bitext,
    vocabularies: { readonly source: number; readonly target: number },
    options: AlignmentOptions,
    { sides = 'both', signal, onProgress }: AlignmentControl & { readonly sides?: AlignmentSides | undefined } = {},
  ): Promise<WordAlignment> {
    const pairs = new NumberedPairs(mostWordPairs);
    const turn = turns();
    // Collecting the word pairs costs about as much as an iteration.
    const rounds = options.iterations + 1;
    const eachPair = async (round: number, visit: (source: Int32Array, target: Int32Array) => void) => {
      for (let pair = 0; pair < bitext.pairs; pair++) {
        const [source, target] = [bitext.source(pair), bitext.target(pair)];
        if (source.length > 0 && target.length > 0) visit(source, target);
        if (pair % pairsAtOnce !== 0) continue;
        signal?.throwIfAborted();
        onProgress?.((round + pair / bitext.pairs) / rounds);
        await turn();
      }
    };
    const sizes = new Map<number, { source: number; target: number; count: number }>();
    await eachPair(0, (source, target) => {
      for (const one of source) for (const other of target) pairs.add(one, other);
      const key = source.length * 2 ** 26 + target.length;
      const size = sizes.get(key);
      if (size === undefined) sizes.set(key, { source: source.length, target: target.length, count: 1 });
      else size.count++;
    });
    const created = directionsOf[sides].map((side) => {
      const written = side === 'forward' ? vocabularies.target : vocabularies.source;
      return [side, new AlignmentDirection(pairs.size, written, options)] as const;
    });
    const alignment = new WordAlignment(pairs, Object.fromEntries(created), options);
    const { forward, reverse } = alignment.directions;
    const forwardSizes = Array.from(
      sizes.values(),
      ({ source, target, count }): SentenceSizes => ({ written: target, given: source, count }),
    );
    const reverseSizes = forwardSizes.map(({ written, given, count }): SentenceSizes => ({ written: given, given: written, count }));
    for (let round = 1; round < rounds; round++) {
      await eachPair(round, (source, target) => {
        const places = alignment.placesOf(source, target);
        forward?.expect(target, source.length, forwardPlaces(places, target.length));
        reverse?.expect(source, target.length, reversePlaces(places, target.length));
      });
      forward?.maximise(pairs.firsts, vocabularies.source, forwardSizes);
      reverse?.maximise(pairs.seconds, vocabularies.target, reverseSizes);
    }
    forward?.end();
    reverse?.end();
    return alignment;
  }

  /** The links of a sentence pair, of those of the estimation or any other; none where a side is empty. */
  align(source: ArrayLike<number>, target: ArrayLike<number>): Links {
    if (source.length === 0 || target.length === 0) return new Int32Array(0);
    const { forward, reverse } = this.#directions;
    const places = this.placesOf(source, target);
    if (target.length > this.#sourceOf.length) this.#sourceOf = new Int32Array(2 * target.length);
    if (source.length > this.#targetOf.length) this.#targetOf = new Int32Array(2 * source.length);
    const sourceOf = this.#sourceOf.subarray(0, target.length).fill(-1);
    const targetOf = this.#targetOf.subarray(0, source.length).fill(-1);
    forward?.align(target, source.length, forwardPlaces(places, target.length), sourceOf);
    reverse?.align(source, target.length, reversePlaces(places, target.length), targetOf);
    return symmetrise(sourceOf, targetOf, forward && reverse ? this.#options.symmetrisation : 'union');
  }

  /** The places of the word pairs of a sentence pair, source word by source word; they change when it is asked for the next. */
  placesOf(source: ArrayLike<number>, target: ArrayLike<number>): Int32Array {
    if (source.length * target.length > this.#places.length) this.#places = new Int32Array(2 * source.length * target.length);
    for (let s = 0, at = 0; s < source.length; s++) {
      for (let t = 0; t < target.length; t++, at++) this.#places[at] = this.#pairs.find(source[s] as number, target[t] as number);
    }
    return this.#places;
  }
}

export function forwardPlaces(places: Int32Array, targets: number): PairPlaces {
  return { places, writtenStride: 1, givenStride: targets };
}

export function reversePlaces(places: Int32Array, targets: number): PairPlaces {
  return { places, writtenStride: targets, givenStride: 1 };
}
