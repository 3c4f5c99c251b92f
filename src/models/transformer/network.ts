import { DecadeError } from '../../core/errors.js';
import { Embedding } from '../../nn/embedding.js';
import { OutputLayer } from '../../nn/output-layer.js';
import type { Initial, ParameterRules, ParameterStore } from '../../nn/parameters.js';
import type { Pass } from '../../nn/pass.js';
import { type PositionOptions, Positions, type RotaryPlaces } from '../../nn/positions.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { VocabularySizes } from '../model.js';
import type { PackedTokens } from './batch.js';
import { TokenEmbedding } from './embedding.js';
import { type AttentionWatcher, seenBy, TransformerStack, walkOf } from './layers.js';
import type { TransformerOptions } from './options.js';

/** How tokens of a side become vectors. */
export interface Side {
  readonly embedding: TokenEmbedding;
  readonly positions: Positions;
}

/** The parts of a Transformer. Where there is no encoder the decoder reads the source, if there is one, and goes on with the target. */
export interface TransformerNetwork {
  readonly source: Side | undefined;
  readonly encoder: TransformerStack | undefined;
  readonly target: Side;
  readonly decoder: TransformerStack;
  readonly output: OutputLayer;
}

/** Declares all parameters of a Transformer. */
export function declareNetwork(store: ParameterStore, options: TransformerOptions, vocabularies: VocabularySizes): TransformerNetwork {
  const { width, encoderLayers, decoderLayers, heads, feedForward, encoderHeads, encoderFeedForward } = options;
  const { tiedEmbeddings, scaledEmbeddings: scaled, outputBias } = options;
  const hasSource = vocabularies.source !== undefined;
  const hasEncoder = hasSource && encoderLayers > 0;
  const layers = (side: ParameterRules['side']) => store.section({ side, ...initialOfLayers(options) });
  const tables = (side: ParameterRules['side']) => store.section({ side, initial: initialOfTables(options) });
  // Where the decoder reads both, a token of the source costs what one of the target does.
  const [source, target] = [layers('source'), layers(hasSource && !hasEncoder ? 'both' : 'target')];

  const isShared = hasSource && tiedEmbeddings === 'all';
  if (isShared && vocabularies.source !== vocabularies.target) throw severalVocabularies(vocabularies);
  const targetVectors = new Embedding(tables('target'), 'target.embedding', vocabularies.target, width, {
    tied: tiedEmbeddings !== 'none',
  });
  const targetPositions = new Positions(tables('target'), 'target.positions', positionOptions(options, heads));
  const sourceSide = (vocabulary: number): Side => ({
    embedding: new TokenEmbedding(
      isShared ? targetVectors : new Embedding(tables('source'), 'source.embedding', vocabulary, width, { tied: false }),
      { scaled },
    ),
    positions: hasEncoder ? new Positions(tables('source'), 'source.positions', positionOptions(options, encoderHeads)) : targetPositions,
  });
  const encoderSizes = { layers: encoderLayers, heads: encoderHeads, feedForward: encoderFeedForward };
  return {
    source: vocabularies.source === undefined ? undefined : sourceSide(vocabularies.source),
    encoder: hasEncoder ? new TransformerStack(source, undefined, 'encoder', encoderSizes, options) : undefined,
    target: { embedding: new TokenEmbedding(targetVectors, { scaled }), positions: targetPositions },
    decoder: new TransformerStack(
      target,
      hasEncoder ? source : undefined,
      'decoder',
      { layers: decoderLayers, heads, feedForward },
      options,
    ),
    output: new OutputLayer(layers('target'), 'output', width, vocabularies.target, tiedEmbeddings === 'none' ? undefined : targetVectors, {
      bias: outputBias,
    }),
  };
}

/** Tokens as vectors that know where they stand: [rows, width]. */
export function embed(runner: Runner, { embedding, positions }: Side, tokens: PackedTokens): Tensor {
  const { scope } = runner;
  const table = positions.table(scope, longest(tokens));
  return embedding.forward(runner, scope.integers(tokens.ids), scope.integers(tokens.positions), table);
}

/** How attention turns queries and keys of these tokens, where it does. */
export function turnsOf({ scope }: Runner, { positions }: Side, tokens: Pick<PackedTokens, 'positions'>): RotaryPlaces | undefined {
  return positions.turnsAt(scope, scope.integers(tokens.positions), longest(tokens));
}

/** What the encoder makes of sources: [rows, width]. `keys` as of `rowKeys`. */
export function encode(
  pass: Pass,
  side: Side,
  encoder: TransformerStack,
  tokens: PackedTokens,
  keys: Tensor | undefined,
  options: TransformerOptions,
  watcher?: AttentionWatcher,
): Tensor {
  const walk = walkOf(pass, keys, options);
  const weights = watcher !== undefined;
  const rows = { sentences: tokens.ranges, sight: 'whole', keys, places: turnsOf(pass.runner, side, tokens), weights } as const;
  return encoder.forward(walk, embed(pass.runner, side, tokens), {
    self: (layer, attention, input) => seenBy(watcher, 'encoder', layer, attention.forward(walk.attention, input, rows)),
  });
}

function longest({ positions }: Pick<PackedTokens, 'positions'>): number {
  return 1 + positions.reduce((last, position) => Math.max(last, position), 0);
}

function initialOfLayers({ initialisation, initialDeviation, encoderLayers, decoderLayers }: TransformerOptions) {
  const zeros = { initial: { kind: 'constant', value: 0 }, decay: false } as const;
  if (initialisation === 'xavier') return { initial: { kind: 'xavier' }, vectors: zeros } as const;
  // Two parts per layer add to the residual stream, so that its variance would grow with depth (Radford et al. 2019, section 2.3).
  const summands = initialDeviation / Math.sqrt(2 * Math.max(encoderLayers, decoderLayers));
  const normal = (deviation: number) => ({ kind: 'normal', deviation }) as const;
  return { initial: normal(initialDeviation), vectors: zeros, initialOfSummands: normal(summands) };
}

function initialOfTables({ initialisation, initialDeviation, width }: TransformerOptions): Initial {
  return { kind: 'normal', deviation: initialisation === 'xavier' ? 1 / Math.sqrt(width) : initialDeviation };
}

function positionOptions(options: TransformerOptions, heads: number): PositionOptions {
  const { positions: kind, width, sinusoids, firstPosition, maximumLength, rotaryPairs, rotaryBase } = options;
  switch (kind) {
    case 'sinusoidal':
      return { kind, width, layout: sinusoids, first: firstPosition };
    case 'learned':
      return { kind, width, maximumLength };
    case 'rotary':
      return { kind, size: width / heads, pairs: rotaryPairs, base: rotaryBase };
  }
}

function severalVocabularies({ source, target }: VocabularySizes): DecadeError {
  return new DecadeError('usage', {
    where: 'model.tiedEmbeddings',
    received: `all, with vocabularies of ${source} and ${target} tokens`,
    allowed: 'all with one vocabulary for both sides',
    next: 'set tokenizer.shared=true, or model.tiedEmbeddings=target',
  });
}
