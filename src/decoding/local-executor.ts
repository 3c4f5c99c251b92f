import type { DecodingMemory, Model, StepModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import type { Hypothesis } from './search-rows.js';
import { ensembleModel } from './ensemble.js';
import { type ScoredModel, scoreBatchTogether } from './ensemble-score.js';
import type { BatchDecoder, DecodingControl, DecodingExecutor } from './executor.js';
import { FrozenDevice } from './frozen-device.js';
import { ModelElsewhere } from './model-elsewhere.js';
import type { TargetScore, ScoringPair } from './score-batch.js';
import { type SearchControl, type SearchOptions, type SearchSentence, search } from './search.js';
import { searchSentences } from './sentence-search.js';

/** A model, and a device on the memory that holds its parameters. */
export interface PlacedModel {
  readonly model: Model;
  readonly device: Device;
  /** Whether to multiply by its matrices in 8-bit integers: they are such, or are rounded to them. Default: false. */
  readonly integers?: boolean | undefined;
}

/** Searches and scores on this thread, on one device or on one for each memory. The parameters may not change before it is disposed. */
export class LocalDecodingExecutor implements BatchDecoder, DecodingExecutor {
  readonly devices = 1;
  readonly #frozen: readonly [FrozenDevice, ...FrozenDevice[]];
  readonly #searched: StepModel;
  readonly #scored: readonly ScoredModel[];

  /** One model, or several with the same vocabularies that vote. */
  static of(device: Device, members: readonly Model[]): LocalDecodingExecutor {
    return LocalDecodingExecutor.across(members.map((model) => ({ model, device })));
  }

  /** As `of`, of models that may lie in several memories. What they vote is counted on the first one's device. */
  static across(members: readonly PlacedModel[]): LocalDecodingExecutor {
    const frozen = new Map<Device, FrozenDevice>();
    for (const { device } of members) {
      const there = members.filter((member) => member.device === device);
      const parametersOf = (placed: readonly PlacedModel[]) => placed.flatMap(({ model }) => [...model.parameters]);
      const integers = parametersOf(there.filter((member) => member.integers));
      if (!frozen.has(device)) frozen.set(device, new FrozenDevice(device, parametersOf(there), integers));
    }
    const [home, ...others] = frozen.values();
    if (home === undefined) throw new RangeError('there is no model to decode with');
    const placed = members.map(({ model, device }) => ({ model, device: (frozen.get(device) ?? home).device }));
    const voting = placed.map(({ model, device }) => (device === home.device ? model : new ModelElsewhere(model, device)));
    return new LocalDecodingExecutor([home, ...others], ensembleModel(voting), placed);
  }

  /** `searched` on the first device. */
  constructor(frozen: readonly [FrozenDevice, ...FrozenDevice[]], searched: StepModel, scored: readonly ScoredModel[]) {
    this.#frozen = frozen;
    this.#searched = searched;
    this.#scored = scored;
  }

  get memory(): DecodingMemory {
    return this.#searched.decodingMemory;
  }

  async decoderFor(): Promise<BatchDecoder> {
    return this;
  }

  search(sentences: readonly SearchSentence[], options: SearchOptions, control?: SearchControl): Promise<Hypothesis[][]> {
    const { sentenceSearch } = this.#searched;
    if (sentenceSearch !== undefined) return searchSentences(sentenceSearch, sentences, options, control);
    return search(this.#searched, this.#frozen[0].device, sentences, options, control);
  }

  /** Hands over the model that searches, and its device, for as long as `use` takes. */
  with<Result>(use: (model: StepModel, device: Device) => Promise<Result>): Promise<Result> {
    return use(this.#searched, this.#frozen[0].device);
  }

  async score(pairs: readonly ScoringPair[], { signal }: Pick<DecodingControl, 'signal'> = {}): Promise<TargetScore[]> {
    signal?.throwIfAborted();
    return scoreBatchTogether(this.#scored, pairs);
  }

  async dispose(): Promise<void> {
    for (const device of this.#frozen) device.dispose();
  }
}
