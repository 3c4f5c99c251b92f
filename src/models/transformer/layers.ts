import { FeedForward } from '../../nn/feed-forward.js';
import { MultiHeadMemoryAttention, MultiHeadSelfAttention } from '../../nn/multi-head-attention.js';
import { NormalisationLayer } from '../../nn/normalisation.js';
import type { ParameterSection } from '../../nn/parameters.js';
import { dropped, type Pass } from '../../nn/pass.js';
import type { HeadOutputs } from '../../tensor/operations/multi-head.js';
import { normalised, Residual, type Stream, sumOf } from '../../nn/residual.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { headSize, type TransformerOptions } from './options.js';

/** One walk through layers. Dropout has a rate of its own at each of three places; who the rows are decides what it drops. */
export interface Walk {
  /** For embeddings, and for what a part adds. */
  readonly residual: Pass;
  readonly attention: Pass;
  readonly feedForward: Pass;
  /** As of `rowKeys`. */
  readonly keys: Tensor | undefined;
}

export function walkOf(pass: Pass, keys: Tensor | undefined, options: TransformerOptions): Walk {
  const at = (rate: number): Pass => ({ ...pass, dropout: pass.dropout && { ...pass.dropout, rate } });
  return {
    residual: at(options.dropout),
    attention: at(options.attentionDropout),
    feedForward: at(options.feedForwardDropout),
    keys,
  };
}

/** How the attention of a layer sees its own rows, and those of the source: all at once in training, through a cache in decoding. */
export interface Sight {
  self(layer: number, attention: MultiHeadSelfAttention, input: Tensor): Tensor;
  source?(layer: number, attention: MultiHeadMemoryAttention, input: Tensor): Tensor;
}

/** Whose attention it is: of the encoder's or the decoder's rows to their own, or of the decoder's to the encoder's. */
export type AttentionPart = 'encoder' | 'decoder' | 'memory';

/** Is told the weights of every layer, where somebody looks on: see `HeadOutputs`. */
export type AttentionWatcher = (part: AttentionPart, layer: number, weights: Tensor) => void;

/** What attention gave, once whoever looks on has been told. */
export function seenBy(
  watcher: AttentionWatcher | undefined,
  part: AttentionPart,
  layer: number,
  { output, weights }: HeadOutputs,
): Tensor {
  if (weights !== undefined) watcher?.(part, layer, weights);
  return output;
}

/** Sizes that may differ between encoder and decoder. */
export interface StackSizes {
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
}

/** Each row looks at others, perhaps at the source, and thinks about what it saw: three parts with a residual connection around each. */
class TransformerLayer {
  readonly #attention: MultiHeadSelfAttention;
  readonly #aroundAttention: Residual;
  readonly memory: { readonly attention: MultiHeadMemoryAttention; readonly around: Residual } | undefined;
  readonly #feedForward: FeedForward;
  readonly #aroundFeedForward: Residual;

  constructor(
    section: ParameterSection,
    source: ParameterSection | undefined,
    name: string,
    { heads, feedForward }: StackSizes,
    options: TransformerOptions,
  ) {
    const { width, keyValueHeads = heads, activation, biases: bias, norm, scaledAttention } = options;
    const size = headSize(options, heads);
    const shape = { width, heads, size, scale: scaledAttention ? 1 / Math.sqrt(size) : 1, keyValueHeads, bias };
    const around = (part: string) => new Residual(section, `${name}.${part}`, width, { ...norm, bias: hasNormBias(options) });
    this.#aroundAttention = around('attention');
    this.#attention = new MultiHeadSelfAttention(section, `${name}.attention`, shape);
    this.memory = source && {
      around: around('memory'),
      attention: new MultiHeadMemoryAttention(section, source, `${name}.memory`, shape),
    };
    this.#aroundFeedForward = around('feedForward');
    this.#feedForward = new FeedForward(section, `${name}.feedForward`, { width, inner: feedForward, activation, bias });
  }

  forward(index: number, walk: Walk, stream: Stream, sight: Sight): Stream {
    const { residual, keys } = walk;
    const { memory } = this;
    let after = this.#aroundAttention.around(residual, stream, keys, (input) => sight.self(index, this.#attention, input));
    if (memory !== undefined && sight.source !== undefined) {
      const look = sight.source;
      after = memory.around.around(residual, after, keys, (input) => look(index, memory.attention, input));
    }
    return this.#aroundFeedForward.around(residual, after, keys, (input) => this.#feedForward.forward(walk.feedForward, input, keys));
  }
}

/** Layers, each adding to what the ones below have added up to; normalised at the end where parts normalise what they read. */
export class TransformerStack {
  readonly #name: string;
  readonly #layers: TransformerLayer[];
  readonly #norm: NormalisationLayer | undefined;

  /** `source`: the side that the layers look at besides their own rows. */
  constructor(
    section: ParameterSection,
    source: ParameterSection | undefined,
    name: string,
    sizes: StackSizes,
    options: TransformerOptions,
  ) {
    const { norm, width } = options;
    this.#name = name;
    this.#layers = Array.from(
      { length: sizes.layers },
      (_, layer) => new TransformerLayer(section, source, `${name}.${layer}`, sizes, options),
    );
    this.#norm =
      norm.place === 'pre' ? new NormalisationLayer(section, `${name}.norm`, width, { ...norm, bias: hasNormBias(options) }) : undefined;
  }

  /** Keys and values of the source for every layer: [source rows, width] → [source rows, 2 keyValueHeads size] each. */
  memories(runner: Runner, encoded: Tensor): Tensor[] {
    return this.#layers.flatMap(({ memory }) => (memory === undefined ? [] : [memory.attention.memory(runner, encoded)]));
  }

  /** Embedded tokens [rows, width] → [rows, width] */
  forward(walk: Walk, embedded: Tensor, sight: Sight): Tensor {
    const { runner } = walk.residual;
    const read: Stream = { sum: dropped(walk.residual, `${this.#name}.embedding`, embedded, walk.keys) };
    const stream = this.#layers.reduce((below, layer, index) => layer.forward(index, walk, below, sight), read);
    return this.#norm === undefined ? sumOf(runner, stream) : normalised(runner, this.#norm, stream).output;
  }
}

/** Root mean squares leave the mean where it is, and so have no bias. */
function hasNormBias({ norm, biases }: TransformerOptions): boolean {
  return biases && norm.kind === 'layer';
}
