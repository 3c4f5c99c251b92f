import * as z from 'zod';
import type { ForeignModel } from '../foreign-model.js';
import { type HuggingFaceClass, misfitsOf } from '../hugging-face-class.js';
import { encoderDecoderIds, padOf } from '../written-model.js';
import { checked } from '../json-file.js';
import { bartNames, isRepeatedInBart, stackSizes } from './bart-names.js';
import {
  activation,
  activationName,
  decodingOf,
  endOf,
  type GenerationConfiguration,
  layers,
  requireOnly,
  size,
  specialOf,
  tokenId,
  vocabularySize,
} from './configuration.js';

const configuration = z.looseObject({
  vocab_size: vocabularySize,
  d_model: size,
  encoder_layers: layers,
  decoder_layers: layers,
  encoder_attention_heads: size,
  decoder_attention_heads: size,
  encoder_ffn_dim: size,
  decoder_ffn_dim: size,
  activation_function: activation,
  scale_embedding: z.boolean().default(true),
  pad_token_id: tokenId.default(1),
  eos_token_id: tokenId.default(2),
  decoder_start_token_id: tokenId.default(2),
});

/** M2M100 (Fan et al. 2021), NLLB: pre-norm, sinusoids of tensor2tensor from the position after padding on. */
export function m2m100(json: unknown, where: string, generation: GenerationConfiguration, unknown: number | undefined): ForeignModel {
  const given = checked(json, where, configuration, 'the configuration of an M2M100 model');
  requireOnly(where, 'tie_word_embeddings', given.tie_word_embeddings, [true]);
  const { encoder_layers: encoderLayers, decoder_layers: decoderLayers, pad_token_id: pad } = given;
  const vocabulary = {
    size: given.vocab_size,
    special: specialOf({ pad, begin: given.decoder_start_token_id, end: endOf(generation, given.eos_token_id), unknown }),
  };
  return {
    architecture: 'M2M100ForConditionalGeneration',
    options: {
      kind: 'transformer',
      encoderLayers,
      decoderLayers,
      width: given.d_model,
      heads: given.decoder_attention_heads,
      encoderHeads: given.encoder_attention_heads,
      feedForward: given.decoder_ffn_dim,
      encoderFeedForward: given.encoder_ffn_dim,
      sinusoids: 'tensor2tensor',
      firstPosition: pad + 1,
      activation: given.activation_function,
      scaledEmbeddings: given.scale_embedding,
      tiedEmbeddings: 'all',
    },
    source: vocabulary,
    target: vocabulary,
    counterparts: bartNames({ encoderLayers, decoderLayers, finalNorms: true, sharedTable: true, outputBias: false }),
    isUnused: (name) => isRepeatedInBart(name, true),
    decoding: decodingOf(generation),
    positions: undefined,
  };
}

export const m2m100Class: HuggingFaceClass = {
  type: 'm2m_100',
  name: 'M2M100ForConditionalGeneration',

  misfits: ({
    options: {
      norm,
      positions,
      sinusoids,
      firstPosition,
      biases,
      outputBias,
      activation: inner,
      keyValueHeads,
      heads,
      tiedEmbeddings,
      sourceEnd,
    },
    target,
  }) =>
    misfitsOf([
      ['model.norm.kind', norm.kind, ['layer']],
      ['model.norm.epsilon', norm.epsilon, [1e-5]],
      ['model.positions', positions, ['sinusoidal']],
      ['model.sinusoids', sinusoids, ['tensor2tensor']],
      // Positions there begin behind that of padding.
      ['model.firstPosition', firstPosition, [padOf(target.special) + 1]],
      ['model.biases', biases, [true]],
      ['model.outputBias', outputBias, [false]],
      ['model.activation', inner, ['relu', 'gelu', 'gelu-tanh', 'swish']],
      ['model.keyValueHeads', keyValueHeads ?? heads, [heads]],
      ['model.tiedEmbeddings', tiedEmbeddings, ['all']],
      ['model.sourceEnd', sourceEnd, [true]],
    ]),

  configuration: ({ options, target, positions }) => ({
    ...stackSizes(options),
    vocab_size: target.size,
    activation_function: activationName(options.activation),
    max_position_embeddings: positions,
    scale_embedding: options.scaledEmbeddings,
    tie_word_embeddings: true,
    ...encoderDecoderIds(target.special),
  }),

  counterparts: ({ encoderLayers, decoderLayers }) =>
    bartNames({ encoderLayers, decoderLayers, finalNorms: true, sharedTable: true, outputBias: false }),

  zeros: () => new Map(),
};
