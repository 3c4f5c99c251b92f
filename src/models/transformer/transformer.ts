import type { IdPair } from '../../data/batch.js';
import { ParameterStore } from '../../nn/parameters.js';
import { type Pass, rangeKeys } from '../../nn/pass.js';
import type { Device } from '../../tensor/device.js';
import { gatherRows } from '../../tensor/operations/gather-rows.js';
import type { SoftmaxCrossEntropyAttributes } from '../../tensor/operations/softmax-cross-entropy.js';
import { stackRows } from '../../tensor/operations/stack-rows.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { SpecialIds } from '../../text/tokenizer.js';
import {
  type AttentionReader,
  type DecodingMemory,
  type DecodingSession,
  type LengthLimits,
  type Model,
  type PairLosses,
  specialIds,
  type VocabularySizes,
} from '../model.js';
import { requireNoSources } from '../sources.js';
import type { ModelSummary } from '../summary.js';
import { byRange, chosenRanges, distinctSources, givenIds, join, nextIds, type PackedTokens, packTokens, sourceIds } from './batch.js';
import { transformerAttention } from './attention.js';
import { type AttentionWatcher, seenBy, type TransformerStack, walkOf } from './layers.js';
import { declareNetwork, embed, encode, type TransformerNetwork, type Side, placesOf } from './network.js';
import { isOneTable, type TransformerOptions } from './options.js';
import { TransformerSession, transformerDecodingMemory } from './session.js';
import { transformerLengthLimits, transformerSummary } from './summary.js';

/**
 * The Transformer of Vaswani et al. (2017): an encoder whose rows look at each other, and a decoder whose rows look back at each other
 * and at the encoder's. A decoder alone reads the source first and goes on with the target, or without a source is a language model
 * (Radford et al. 2018).
 */
export class TransformerModel implements Model {
  readonly parameters = new ParameterStore();
  readonly options: TransformerOptions;
  readonly vocabularies: VocabularySizes;
  /** Rows of a product: copying what they are multiplied by costs a few per cent of it (docs/decisions/memory.md). */
  readonly leastOfParts = 256;
  readonly #network: TransformerNetwork;
  readonly #special: SpecialIds;
  /** What every source ends with, if with anything. */
  readonly #sourceEnd: number | undefined;

  /** Declares the parameters; `parameters.allocate` or `attach` must give them a place before anything is computed. */
  constructor(options: TransformerOptions, vocabularies: VocabularySizes) {
    this.options = options;
    this.vocabularies = vocabularies;
    this.#network = declareNetwork(this.parameters, options, vocabularies);
    const special = specialIds(vocabularies);
    this.#special = special.target;
    this.#sourceEnd = options.sourceEnd ? special.source.end : undefined;
  }

  get dropout(): number {
    const { dropout, attentionDropout, feedForwardDropout } = this.options;
    return Math.max(dropout, attentionDropout, feedForwardDropout);
  }

  get summary(): ModelSummary {
    return transformerSummary(this.options, this.vocabularies);
  }

  get decodingMemory(): DecodingMemory {
    return transformerDecodingMemory(this.options, this.vocabularies);
  }

  get needsOneVocabulary(): boolean {
    return this.vocabularies.source !== undefined && isOneTable(this.options);
  }

  get beginsPrompts(): boolean {
    return this.vocabularies.source !== undefined || this.options.beginPrompts;
  }

  get lengthLimits(): LengthLimits | undefined {
    return transformerLengthLimits(this.options, this.vocabularies);
  }

  loss(pass: Pass, pairs: readonly IdPair[], attributes: SoftmaxCrossEntropyAttributes): PairLosses {
    const next = nextIds(pairs, this.#special);
    const outputs = this.#network.output.loss(pass, (each) => this.#read(each, pairs), next.flat(), attributes);
    return { ...outputs, byPair: () => byRange(packTokens(next).ranges, outputs.logProbabilities.f32) };
  }

  get attentionReader(): AttentionReader {
    return {
      read: (device, pair) =>
        transformerAttention(
          device,
          { ...pair, sourceEnd: this.#sourceEnd, special: this.#special, hasEncoder: this.#network.encoder !== undefined },
          (pass, pairs, watcher) => {
            this.#read(pass, pairs, watcher);
          },
        ),
    };
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    return new TransformerSession(device, this.#network, sources, { options: this.options, sourceEnd: this.#sourceEnd });
  }

  /** What the decoder makes of every token that it is given: [target rows, width]. */
  #read(pass: Pass, pairs: readonly IdPair[], watcher?: AttentionWatcher): Tensor {
    const { source, encoder } = this.#network;
    if (source === undefined) return this.#readAlone(pass, pairs, watcher);
    if (encoder === undefined) return this.#readOn(pass, source, pairs, watcher);
    return this.#translate(pass, source, encoder, pairs, watcher);
  }

  /** Encoder, then decoder: [target rows, width]. */
  #translate(
    pass: Pass,
    sourceSide: Side,
    encoder: TransformerStack,
    pairs: readonly IdPair[],
    watcher: AttentionWatcher | undefined,
  ): Tensor {
    const { runner } = pass;
    const { target, decoder } = this.#network;
    const { firsts, sourceOf } = distinctSources(pairs);
    const source = packTokens(sourceIds(firsts, this.#sourceEnd));
    const encoded = encode(pass, sourceSide, encoder, source, rangeKeys(pass, source.ranges, firsts), this.options, watcher);
    const memories = decoder.memories(runner, encoded);

    const tokens = packTokens(givenIds(pairs, this.#special));
    const keys = rangeKeys(pass, tokens.ranges, pairs);
    const walk = walkOf(pass, keys, this.options);
    const weights = watcher !== undefined;
    const own = { sentences: tokens.ranges, sight: 'causal', keys, places: placesOf(runner, target, tokens), weights } as const;
    const sources = { queries: tokens.ranges, rows: chosenRanges(source.ranges, sourceOf), keys, weights };
    return decoder.forward(walk, embed(runner, target, tokens), {
      self: (layer, attention, input) => seenBy(watcher, 'decoder', layer, attention.forward(walk.attention, input, own)),
      source: (layer, attention, input) =>
        seenBy(watcher, 'memory', layer, attention.forward(walk.attention, input, memories[layer] as Tensor, sources)),
    });
  }

  /** The decoder reads each source and goes on with its target: [target rows, width]. */
  #readOn(pass: Pass, sourceSide: Side, pairs: readonly IdPair[], watcher: AttentionWatcher | undefined): Tensor {
    const { runner } = pass;
    const source = packTokens(sourceIds(pairs, this.#sourceEnd));
    const target = packTokens(givenIds(pairs, this.#special), source.ranges.lengths);
    const joined = join(source, target);
    const parts = { source: embed(runner, sourceSide, source), target: embed(runner, this.#network.target, target) };
    const vectors = this.#chosen(runner, runner.run(stackRows, parts, {}).output, joined.order);
    return this.#chosen(runner, this.#decoded(pass, vectors, joined, pairs, watcher), joined.seconds);
  }

  /** The decoder has nothing but the target: [target rows, width]. */
  #readAlone(pass: Pass, pairs: readonly IdPair[], watcher: AttentionWatcher | undefined): Tensor {
    requireNoSources(pairs.map(({ source }) => source));
    const tokens = packTokens(givenIds(pairs, this.#special));
    return this.#decoded(pass, embed(pass.runner, this.#network.target, tokens), tokens, pairs, watcher);
  }

  #decoded(
    pass: Pass,
    vectors: Tensor,
    { ranges, positions }: Pick<PackedTokens, 'ranges' | 'positions'>,
    pairs: readonly IdPair[],
    watcher: AttentionWatcher | undefined,
  ): Tensor {
    const keys = rangeKeys(pass, ranges, pairs);
    const walk = walkOf(pass, keys, this.options);
    const places = placesOf(pass.runner, this.#network.target, { positions });
    const rows = { sentences: ranges, sight: 'causal', keys, places, weights: watcher !== undefined } as const;
    return this.#network.decoder.forward(walk, vectors, {
      self: (layer, attention, input) => seenBy(watcher, 'decoder', layer, attention.forward(walk.attention, input, rows)),
    });
  }

  #chosen(runner: Runner, input: Tensor, rows: Int32Array): Tensor {
    return runner.run(gatherRows, { input, indices: runner.scope.integers(rows) }, {}).output;
  }
}
