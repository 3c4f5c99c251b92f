import type { Tokenizers } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import { randomKey, uniform } from '../core/random.js';
import type { IdPair } from '../data/batch.js';
import type { LengthLimits } from '../models/model.js';
import { isVarying, type Tokenizer, type VaryingTokenizer } from '../text/tokenizer.js';

export interface SegmentationOptions {
  readonly tokenizers: Tokenizers;
  /** `training.mergeDropout`. */
  readonly probability: number;
  readonly seed: number;
  readonly lengthLimits: LengthLimits | undefined;
}

/**
 * Training pairs whose words are split anew every time that they are read: BPE-dropout (Provilkov, Emelianenko and Voita 2020, "BPE-dropout:
 * simple and effective subword regularization"). A pair's form depends on the seed, the epoch and its number, so that it is the same
 * on any number of devices and after a resume. Corpora, batches and validation keep the one form without dropout.
 */
export class VariedSegmentation {
  readonly #sides: { readonly source: VaryingTokenizer; readonly target: VaryingTokenizer };
  readonly #probability: number;
  readonly #seed: number;
  readonly #limits: LengthLimits | undefined;

  /** Undefined without dropout. Throws `usage` where a tokenizer, which may be another run's, has no merges to leave out. */
  static of(options: SegmentationOptions): VariedSegmentation | undefined {
    return options.probability === 0 ? undefined : new VariedSegmentation(options);
  }

  private constructor({ tokenizers: { source, target }, probability, seed, lengthLimits }: SegmentationOptions) {
    if (source === undefined) throw new Error('varied segmentation of a text, which the configuration refuses');
    this.#sides = { source: requireMerges(source), target: requireMerges(target) };
    this.#probability = probability;
    this.#seed = seed;
    this.#limits = lengthLimits;
  }

  /** The pairs in this epoch's form. One that a model has no positions for keeps the form without dropout. */
  vary(pairs: readonly IdPair[], epoch: number): IdPair[] {
    return pairs.map((pair) => {
      const source = this.#varied('source', pair, epoch);
      const target = this.#varied('target', pair, epoch);
      const fits = this.#limits === undefined || target.length + 1 <= this.#limits.target(source.length);
      return fits ? { ...pair, source, target } : pair;
    });
  }

  #varied(side: 'source' | 'target', pair: IdPair, epoch: number): number[] {
    const tokenizer = this.#sides[side];
    const key = randomKey(this.#seed, 'segmentation', epoch, pair.key, side === 'source' ? 0 : 1);
    let draws = 0;
    return tokenizer.encodeVaried(tokenizer.decode(pair[side]), () => uniform(key, draws++) < this.#probability);
  }
}

function requireMerges(tokenizer: Tokenizer): VaryingTokenizer {
  if (isVarying(tokenizer)) return tokenizer;
  throw new DecadeError('usage', {
    where: 'training.mergeDropout',
    received: `a tokenizer of kind ${tokenizer.kind}`,
    allowed: 'bpe and byte-bpe, which have merges to leave out',
    next: 'remove training.mergeDropout',
  });
}
