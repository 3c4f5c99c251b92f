import { Embedding } from '../../nn/embedding.js';
import type { ParameterSection } from '../../nn/parameters.js';
import { type Pass, rowKeys } from '../../nn/pass.js';
import { BidirectionalStack, RecurrentStack, type RecurrentState } from '../../nn/recurrent.js';
import type { SequenceLayout } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { PackedSource } from './batch.js';
import type { LstmOptions } from './options.js';

/** The LSTM that reads the source. */
export class LstmEncoder {
  readonly #embedding: Embedding;
  readonly #stack: RecurrentStack | BidirectionalStack;

  constructor(section: ParameterSection, options: LstmOptions, vocabulary: number) {
    this.#embedding = new Embedding(section, 'source.embedding', vocabulary, options.embedding, { tied: false });
    const Stack = options.bidirectional ? BidirectionalStack : RecurrentStack;
    this.#stack = new Stack(section, 'encoder', {
      layers: options.layers,
      inputs: options.embedding,
      hidden: options.hidden,
      residual: options.residual,
    });
  }

  /**
   * The top layer's output at every source token, [rows, hidden], and each layer's last state, [sentences, hidden], by source column.
   * `sentenceKeys` key dropout; none is needed without.
   */
  forward(pass: Pass, source: PackedSource, sentenceKeys?: Uint32Array): { output: Tensor; states: RecurrentState[] } {
    const keys = sentenceKeys && rowKeys(pass, source.layout, source.sentences, sentenceKeys);
    const embedded = this.#embedding.embed(pass, pass.runner.scope.integers(source.ids));
    return this.#stack.forward(pass, embedded, undefined, source.layout, keys);
  }

  /** One layer alone, over a stretch of steps; the first reads token ids. */
  layer(
    index: number,
    pass: Pass,
    below: Tensor,
    before: RecurrentState | undefined,
    layout: SequenceLayout,
    keys: Tensor | undefined,
  ): { output: Tensor; state: RecurrentState } {
    if (this.#stack instanceof BidirectionalStack) throw new Error('a layer that reads both ways has no steps that could be parted');
    const input = index === 0 ? this.#embedding.forward(pass.runner, below) : below;
    return this.#stack.layer(index, pass, input, before, layout, keys);
  }
}
