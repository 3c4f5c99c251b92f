import type { IdPair } from '../../data/batch.js';
import { memoryRows } from '../../nn/attention.js';
import { ParameterStore } from '../../nn/parameters.js';
import { type Pass, rowKeys } from '../../nn/pass.js';
import type { Device } from '../../tensor/device.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import type { SoftmaxCrossEntropyAttributes } from '../../tensor/operations/softmax-cross-entropy.js';
import type { DecodingMemory, DecodingSession, Model, PairLosses, SentenceEncoder, VocabularySizes } from '../model.js';
import type { ModelSummary } from '../summary.js';
import { bySentence, packBatch } from './batch.js';
import { LstmDecoder } from './decoder.js';
import { LstmEncoder } from './encoder.js';
import type { LayeredModel } from './layered.js';
import type { LstmOptions } from './options.js';
import { LstmSentenceEncoder } from './sentence-encoder.js';
import { LstmDecodingSession, lstmDecodingMemory } from './session.js';
import { lstmSummary } from './summary.js';

/**
 * The encoder-decoder of Sutskever, Vinyals and Le (2014): one deep LSTM reads the (reversed) source, its last state
 * starts a second one, which writes the target.
 */
export class LstmModel implements Model {
  readonly parameters = new ParameterStore();
  readonly options: LstmOptions;
  readonly vocabularies: VocabularySizes;
  readonly sentenceEncoder: SentenceEncoder;
  readonly #encoder: LstmEncoder;
  readonly #decoder: LstmDecoder;

  /** Declares the parameters; `parameters.allocate` or `attach` must give them a place before anything is computed. */
  constructor(options: LstmOptions, vocabularies: VocabularySizes) {
    this.options = options;
    this.vocabularies = vocabularies;
    // Every value, biases too, starts in the same range (Sutskever et al. 2014, section 3.4).
    const initial = { kind: 'uniform', range: options.initialRange } as const;
    const source = this.parameters.section({ side: 'source', initial });
    const target = this.parameters.section({ side: 'target', initial });
    this.#encoder = new LstmEncoder(source, options, vocabularies.source);
    this.#decoder = new LstmDecoder(target, source, options, vocabularies.target);
    this.sentenceEncoder = new LstmSentenceEncoder(this.#encoder, options.reverseSource);
  }

  get dropout(): number {
    return this.options.dropout;
  }

  loss(pass: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses {
    const { runner } = pass;
    const { scope } = runner;
    const batch = packBatch(pairs, this.options.reverseSource);
    const encoded = this.#encoder.forward(pass, batch.source, batch.sentenceKeys);
    const memory = this.#decoder.memory(pass, encoded.output, memoryRows(scope, batch.source.layout));
    // Source and target columns are sorted by their own lengths: bring the states into the order of the targets.
    const indices = scope.integers(batch.sourceColumnOfTarget);
    const states = encoded.states.map(({ hidden, cell }) => ({
      hidden: runner.run(gatherRows, { input: hidden, indices }, {}).output,
      cell: runner.run(gatherRows, { input: cell, indices }, {}).output,
    }));
    const output = this.#decoder.forward(
      pass,
      scope.integers(batch.target.inputIds),
      this.#decoder.initialState(scope, states, pairs.length),
      batch.target.layout,
      memory,
      batch.sourceColumnOfTarget,
      rowKeys(pass, batch.target.layout, batch.target.sentences, batch.sentenceKeys),
    );
    const outputs = this.#decoder.output.loss(runner, output, batch.target.outputIds, attributes);
    return { ...outputs, byPair: () => bySentence(batch.target, outputs.logProbabilities.f32) };
  }

  get summary(): ModelSummary {
    return lstmSummary(this.options);
  }

  /** For a network without ties between its layers; see `layersOf`. */
  get layered(): LayeredModel {
    const [encoder, decoder] = [this.#encoder, this.#decoder];
    return {
      layers: this.options.layers,
      output: decoder.output,
      parametersOf: (part, layer) => {
        const embedding = part === 'encoder' ? 'source.embedding.' : 'target.embedding.';
        return Array.from(this.parameters).filter(
          ({ name }) => name.startsWith(`${part}.${layer}.`) || (layer === 0 && name.startsWith(embedding)),
        );
      },
      pack: (pairs) => packBatch(pairs, this.options.reverseSource),
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
