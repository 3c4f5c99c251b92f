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
import { bySentence, type PackedTarget, packBatch, packTargets } from './batch.js';
import { type DecoderMemory, type DecoderState, LstmDecoder } from './decoder.js';
import { LstmEncoder } from './encoder.js';
import type { LayeredModel } from './layered.js';
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
  readonly #encoder: LstmEncoder | undefined;
  readonly #decoder: LstmDecoder;

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
    this.#encoder = vocabularies.source === undefined ? undefined : new LstmEncoder(source, options, vocabularies.source);
    this.#decoder = new LstmDecoder(target, source, options, vocabularies.target);
    this.sentenceEncoder = this.#encoder && new LstmSentenceEncoder(this.#encoder, options.reverseSource);
  }

  get dropout(): number {
    return this.options.dropout;
  }

  loss(pass: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses {
    const { output, target } = this.#walk(pass, pairs);
    const outputs = this.#decoder.output.loss(pass, output, target.outputIds, attributes, (second) => this.#walk(second, pairs).output);
    return { ...outputs, byPair: () => bySentence(target, outputs.logProbabilities.f32) };
  }

  #walk(pass: Pass, pairs: readonly IdPair[]): { readonly output: Tensor; readonly target: PackedTarget } {
    const { target, sentenceKeys, state, memory, sourceColumns } =
      this.#encoder === undefined ? this.#begin(pass, pairs) : this.#read(this.#encoder, pass, pairs);
    const output = this.#decoder.forward(
      pass,
      pass.runner.scope.integers(target.inputIds),
      state,
      target.layout,
      memory,
      sourceColumns,
      rowKeys(pass, target.layout, target.sentences, sentenceKeys),
    );
    return { output, target };
  }

  /** Reads the sources; the decoder starts where the encoder ended. */
  #read(encoder: LstmEncoder, pass: Pass, pairs: readonly IdPair[]): Beginning {
    const { runner } = pass;
    const { scope } = runner;
    const { source, target, sourceColumnOfTarget, sentenceKeys } = packBatch(
      pairs,
      this.options.reverseSource,
      specialIds(this.vocabularies).target,
    );
    const encoded = encoder.forward(pass, source, sentenceKeys);
    const memory = this.#decoder.memory(pass, encoded.output, memoryRows(scope, source.layout));
    // Source and target columns are sorted by their own lengths: bring the states into the order of the targets.
    const indices = scope.integers(sourceColumnOfTarget);
    const states = encoded.states.map(({ hidden, cell }) => ({
      hidden: runner.run(gatherRows, { input: hidden, indices }, {}).output,
      cell: runner.run(gatherRows, { input: cell, indices }, {}).output,
    }));
    const state = this.#decoder.initialState(scope, states, pairs.length);
    return { target, sentenceKeys, state, memory, sourceColumns: sourceColumnOfTarget };
  }

  /** There is nothing to read; the decoder starts from zeros. */
  #begin({ runner: { scope } }: Pass, pairs: readonly IdPair[]): Beginning {
    requireNoSources(pairs.map(({ source }) => source));
    const target = packTargets(pairs, specialIds(this.vocabularies).target);
    return {
      target,
      sentenceKeys: Uint32Array.from(pairs, ({ key }) => key),
      state: this.#decoder.zeroState(scope, pairs.length),
      memory: undefined,
      sourceColumns: target.sentences,
    };
  }

  get summary(): ModelSummary {
    return lstmSummary(this.options, this.vocabularies);
  }

  /** For a network without ties between its layers; see `layersOf`. */
  get layered(): LayeredModel {
    const [encoder, decoder] = [this.#encoder, this.#decoder];
    const { weight, bias } = decoder.output;
    if (!encoder || !bias) throw new Error('a language model has no encoder');
    return {
      layers: this.options.layers,
      output: { weight, bias },
      parametersOf: (part, layer) => {
        const embedding = part === 'encoder' ? 'source.embedding.' : 'target.embedding.';
        return Array.from(this.parameters).filter(
          ({ name }) => name.startsWith(`${part}.${layer}.`) || (layer === 0 && name.startsWith(embedding)),
        );
      },
      pack: (pairs) => packBatch(pairs, this.options.reverseSource, specialIds(this.vocabularies).target),
      runLayer(part, layer, pass, { below, before, layout, keys }) {
        return (part === 'encoder' ? encoder : decoder).layer(layer, pass, below, before, layout, keys);
      },
    };
  }

  get decodingMemory(): DecodingMemory {
    return lstmDecodingMemory(this.options, this.vocabularies.target);
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    return new LstmDecodingSession(device, this.#encoder, this.#decoder, sources, this.options);
  }
}

/** What the decoder reads, and from where. */
interface Beginning {
  readonly target: PackedTarget;
  /** Of each pair: [pairs]. */
  readonly sentenceKeys: Uint32Array;
  readonly state: DecoderState;
  readonly memory: DecoderMemory | undefined;
  /** For each target column the source column, if there is a source. */
  readonly sourceColumns: Int32Array;
}
