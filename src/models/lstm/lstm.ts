import type { IdPair } from '../../data/batch.js';
import { memoryRows } from '../../nn/attention.js';
import { ParameterStore } from '../../nn/parameters.js';
import { type Pass, rowKeys } from '../../nn/pass.js';
import type { Device } from '../../tensor/device.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import type { SoftmaxCrossEntropyAttributes } from '../../tensor/operations/softmax-cross-entropy.js';
import type { Tensor } from '../../tensor/tensor.js';
import {
  type DecodingMemory,
  type DecodingSession,
  type Model,
  type PairLosses,
  type SentenceEncoder,
  specialIds,
  type VocabularySizes,
} from '../model.js';
import { requireNoSources } from '../sources.js';
import type { ModelSummary } from '../summary.js';
import { bySentence, type PackedBatch, packBatch, packTargets } from './batch.js';
import { type DecoderMemory, type DecoderState, LstmDecoder } from './decoder.js';
import { LstmEncoder } from './encoder.js';
import { type LstmOptions, requireNoEncoder } from './options.js';
import { LstmSentenceEncoder } from './sentence-encoder.js';
import { LstmDecodingSession, lstmDecodingMemory } from './session.js';
import { lstmSummary } from './summary.js';

/**
 * The encoder-decoder of Sutskever, Vinyals and Le (2014): one deep LSTM reads the (reversed) source, its last state
 * starts a second one, which writes the target. Without a source the second one is a language model, which starts from zeros.
 */
export class LstmModel implements Model {
  readonly parameters = new ParameterStore();
  readonly options: LstmOptions;
  readonly vocabularies: VocabularySizes;
  readonly sentenceEncoder: SentenceEncoder | undefined;
  /** Undefined without a source. */
  readonly encoder: LstmEncoder | undefined;
  readonly decoder: LstmDecoder;

  /**
   * Declares the parameters; `parameters.allocate` or `attach` must give them a place before anything is computed.
   *
   * @throws DecadeError `usage` for options of an encoder where there is no source
   */
  constructor(options: LstmOptions, vocabularies: VocabularySizes) {
    if (vocabularies.source === undefined) requireNoEncoder(options);
    this.options = options;
    this.vocabularies = vocabularies;
    // Every value, biases too, starts in the same range (Sutskever et al. 2014, section 3.4).
    const initial = { kind: 'uniform', range: options.initialRange } as const;
    const source = this.parameters.section({ side: 'source', initial });
    const target = this.parameters.section({ side: 'target', initial });
    this.encoder = vocabularies.source === undefined ? undefined : new LstmEncoder(source, options, vocabularies.source);
    this.decoder = new LstmDecoder(target, source, options, vocabularies.target);
    this.sentenceEncoder = this.encoder && new LstmSentenceEncoder(this.encoder, options.reverseSource);
  }

  get dropout(): number {
    return this.options.dropout;
  }

  loss(pass: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses {
    const { encoder, decoder } = this;
    const special = specialIds(this.vocabularies).target;
    const batch = encoder && packBatch(pairs, this.options.reverseSource, special);
    if (batch === undefined) requireNoSources(pairs.map(({ source }) => source));
    const target = batch?.target ?? packTargets(pairs, special);
    const sentenceKeys = Uint32Array.from(pairs, ({ key }) => key);
    const walk = (pass: Pass): Tensor => {
      const { scope } = pass.runner;
      const keys = rowKeys(pass, target.layout, target.sentences, sentenceKeys);
      const begun: Beginning = encoder && batch ? this.#read(encoder, pass, batch) : { state: decoder.zeroState(scope, pairs.length) };
      const { state, memory, sourceColumns = target.sentences } = begun;
      return decoder.forward(pass, scope.integers(target.inputIds), state, target.layout, memory, sourceColumns, keys);
    };
    const outputs = decoder.output.loss(pass, walk, target.outputIds, attributes);
    return { ...outputs, byPair: () => bySentence(target, outputs.logProbabilities.f32) };
  }

  /** Reads the sources; the decoder starts where the encoder ended. */
  #read(encoder: LstmEncoder, pass: Pass, { source, sourceColumnOfTarget, sentenceKeys }: PackedBatch): Beginning {
    const { runner } = pass;
    const { scope } = runner;
    const encoded = encoder.forward(pass, source, sentenceKeys);
    const memory = this.decoder.memory(pass, encoded.output, memoryRows(scope, source.layout));
    // Source and target columns are sorted by their own lengths: bring the states into the order of the targets.
    const indices = scope.integers(sourceColumnOfTarget);
    const states = encoded.states.map(({ hidden, cell }) => ({
      hidden: runner.run(gatherRows, { input: hidden, indices }, {}).output,
      cell: runner.run(gatherRows, { input: cell, indices }, {}).output,
    }));
    const state = this.decoder.initialState(scope, states, sentenceKeys.length);
    return { state, memory, sourceColumns: sourceColumnOfTarget };
  }

  get summary(): ModelSummary {
    return lstmSummary(this.options, this.vocabularies);
  }

  get decodingMemory(): DecodingMemory {
    return lstmDecodingMemory(this.options, this.vocabularies.target);
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    return new LstmDecodingSession(device, this.encoder, this.decoder, sources, this.options);
  }
}

/** Where the decoder begins: without a source at zeros, with nothing to look at. */
interface Beginning {
  readonly state: DecoderState;
  readonly memory?: DecoderMemory | undefined;
  /** For each target column the source column. */
  readonly sourceColumns?: Int32Array;
}
