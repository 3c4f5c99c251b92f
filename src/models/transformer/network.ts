import { DecadeError } from '../../core/errors.js';
import { Embedding } from '../../nn/embedding.js';
import { OutputLayer } from '../../nn/output-layer.js';
import type { Initial, ParameterRules, ParameterStore } from '../../nn/parameters.js';
import type { Pass } from '../../nn/pass.js';
import { type AttentionPlaces, type PositionOptions, Positions } from '../../nn/positions.js';
import type { Runner } from '../../tensor/tape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { VocabularySizes } from '../model.js';
import type { PackedTokens } from './batch.js';
import { TokenEmbedding } from './embedding.js';
import { type AttentionWatcher, seenBy, TransformerStack, walkOf } from './layers.js';
import { headSize, isOneTable, isOutputTied, type TransformerOptions } from './options.js';

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
  const { scaledEmbeddings: scaled, outputBias } = options;
  const hasSource = vocabularies.source !== undefined;
  const hasEncoder = hasSource && encoderLayers > 0;
  const layers = (side: ParameterRules['side']) => store.section({ side, ...initialOfLayers(options, hasSource) });
  const tables = (side: ParameterRules['side']) => store.section({ side, initial: initialOfTables(options) });
  // Where the decoder reads both, a token of the source costs what one of the target does.
  const [source, target] = [layers('source'), layers(hasSource && !hasEncoder ? 'both' : 'target')];

  const isShared = hasSource && isOneTable(options);
  const isTied = isOutputTied(options);
  if (isShared && vocabularies.source !== vocabularies.target) throw severalVocabularies(options, vocabularies);
  const targetVectors = new Embedding(tables('target'), 'target.embedding', vocabularies.target, width, {
    tied: isTied,
  });
  const targetPositions = new Positions(tables('target'), 'target.positions', positionOptions(options, heads, 'causal'));
  const sourceSide = (vocabulary: number): Side => ({
    embedding: new TokenEmbedding(
      isShared ? targetVectors : new Embedding(tables('source'), 'source.embedding', vocabulary, width, { tied: false }),
      { scaled },
    ),
    positions: hasEncoder
      ? new Positions(tables('source'), 'source.positions', positionOptions(options, encoderHeads, 'whole'))
      : targetPositions,
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
    output: new OutputLayer(layers('target'), 'output', width, vocabularies.target, isTied ? targetVectors : undefined, {
      bias: outputBias,
      factor: options.scaledOutput ? 1 / Math.sqrt(width) : 1,
    }),
  };
}

/** Tokens as vectors that know where they stand: [rows, width]. */
export function embed(runner: Runner, { embedding, positions }: Side, tokens: PackedTokens): Tensor {
  const { scope } = runner;
  const table = positions.table(scope, longest(tokens));
  return embedding.forward(runner, scope.integers(tokens.ids), scope.integers(tokens.positions), table);
}

/** What attention knows of where these tokens stand. */
export function placesOf(runner: Runner, { positions }: Side, tokens: Pick<PackedTokens, 'positions'>): AttentionPlaces {
  return positions.places(runner, tokens.positions, longest(tokens));
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
  const rows = { sentences: tokens.ranges, sight: 'whole', keys, places: placesOf(pass.runner, side, tokens), weights } as const;
  return encoder.forward(walk, embed(pass.runner, side, tokens), {
    self: (layer, attention, input) => seenBy(watcher, 'encoder', layer, attention.forward(walk.attention, input, rows)),
  });
}

function longest({ positions }: Pick<PackedTokens, 'positions'>): number {
  return 1 + positions.reduce((last, position) => Math.max(last, position), 0);
}

function initialOfLayers({ initialisation, initialDeviation, encoderLayers, decoderLayers }: TransformerOptions, hasSource: boolean) {
  const zeros = { initial: { kind: 'constant', value: 0 }, decay: false } as const;
  if (initialisation === 'xavier') return { initial: { kind: 'xavier' }, vectors: zeros } as const;
  // Two parts per layer add to the residual stream, so that its variance would grow with depth (Radford et al. 2019, section 2.3).
  const summands = initialDeviation / Math.sqrt(2 * Math.max(hasSource ? encoderLayers : 0, decoderLayers));
  const normal = (deviation: number) => ({ kind: 'normal', deviation }) as const;
  return { initial: normal(initialDeviation), vectors: zeros, initialOfSummands: normal(summands) };
}

function initialOfTables({ initialisation, initialDeviation, width }: TransformerOptions): Initial {
  return { kind: 'normal', deviation: initialisation === 'xavier' ? 1 / Math.sqrt(width) : initialDeviation };
}

function positionOptions(options: TransformerOptions, heads: number, sight: 'whole' | 'causal'): PositionOptions {
  const {
    positions: kind,
    width,
    sinusoids,
    firstPosition,
    maximumLength,
    rotaryPairs,
    rotaryBase,
    relativeBuckets,
    relativeDistance,
  } = options;
  switch (kind) {
    case 'sinusoidal':
      return { kind, width, layout: sinusoids, first: firstPosition };
    case 'learned':
      return { kind, width, maximumLength };
    case 'rotary':
      return { kind, size: headSize(options, heads), pairs: rotaryPairs, base: rotaryBase };
    case 'relative':
      return { kind, heads, buckets: relativeBuckets, maximumDistance: relativeDistance, sight };
  }
}

function severalVocabularies({ tiedEmbeddings }: TransformerOptions, { source, target }: VocabularySizes): DecadeError {
  return new DecadeError('usage', {
    where: 'model.tiedEmbeddings',
    received: `${tiedEmbeddings}, with vocabularies of ${source} and ${target} tokens`,
    allowed: `${tiedEmbeddings} with one vocabulary for both sides`,
    next: 'set tokenizer.shared=true, or model.tiedEmbeddings=target',
  });
}
