import type { DecodingMemory, Model, StepModel, TrainableModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { KnownProducts } from '../tensor/known-products.js';
import { PackedWeights } from '../tensor/packed-weights.js';
import type { Hypothesis } from './beams.js';
import { ensembleModel } from './ensemble.js';
import { scoreBatchTogether } from './ensemble-score.js';
import type { BatchDecoder, DecodingControl, DecodingExecutor } from './executor.js';
import type { Score, ScoringPair } from './score-batch.js';
import { type SearchOptions, type SearchSentence, search } from './search.js';

/** Searches and scores on one device, this thread's. The parameters may not change before it is disposed. */
export class LocalDecodingExecutor implements BatchDecoder, DecodingExecutor {
  readonly devices = 1;
  readonly #device: Device;
  readonly #weights: PackedWeights;
  readonly #known: KnownProducts;
  readonly #searched: StepModel;
  readonly #scored: readonly TrainableModel[];

  /** One model, or several with the same vocabularies that vote. */
  static of(device: Device, members: readonly Model[]): LocalDecodingExecutor {
    return new LocalDecodingExecutor(device, ensembleModel(members), members);
  }

  constructor(device: Device, searched: StepModel, scored: readonly TrainableModel[]) {
    // Packed when first used, and then for every batch.
    this.#weights = new PackedWeights(
      device.matrix,
      Array.from(searched.parameters, ({ value }) => value),
    );
    const packed = { ...device, matrix: this.#weights };
    this.#known = new KnownProducts(packed);
    this.#device = { ...packed, known: this.#known };
    this.#searched = searched;
    this.#scored = scored;
  }

  get memory(): DecodingMemory {
    return this.#searched.decodingMemory;
  }

  async decoderFor(): Promise<BatchDecoder> {
    return this;
  }

  search(sentences: readonly SearchSentence[], options: SearchOptions, control?: DecodingControl): Promise<Hypothesis[][]> {
    return search(this.#searched, this.#device, sentences, options, control);
  }

  async score(pairs: readonly ScoringPair[], { signal }: Pick<DecodingControl, 'signal'> = {}): Promise<Score[]> {
    signal?.throwIfAborted();
    return scoreBatchTogether(this.#scored, this.#device, pairs);
  }

  async dispose(): Promise<void> {
    this.#known.dispose();
    this.#weights.dispose();
  }
}
