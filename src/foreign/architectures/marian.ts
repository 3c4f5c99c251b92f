import * as z from 'zod';
import type { ForeignModel } from '../foreign-model.js';
import { type HuggingFaceClass, misfitsOf } from '../hugging-face-class.js';
import { encoderDecoderIds } from '../written-model.js';
import { checked } from '../json-file.js';
import { bartNames, isRepeatedInBart, stackSizes } from './bart-names.js';
import {
  activation,
  activationName,
  decodingOf,
  endOf,
  type GenerationConfiguration,
  layers,
  optionalId,
  requireOnly,
  size,
  specialOf,
  tokenId,
  vocabularySize,
} from './configuration.js';

const configuration = z.looseObject({
  vocab_size: vocabularySize,
  decoder_vocab_size: vocabularySize.nullish(),
  d_model: size,
  encoder_layers: layers,
  decoder_layers: layers,
  encoder_attention_heads: size,
  decoder_attention_heads: size,
  encoder_ffn_dim: size,
  decoder_ffn_dim: size,
  activation_function: activation,
  max_position_embeddings: z.int().positive(),
  scale_embedding: z.boolean().default(false),
  share_encoder_decoder_embeddings: z.boolean().default(true),
  pad_token_id: tokenId,
  eos_token_id: tokenId,
  decoder_start_token_id: optionalId,
});

/**
 * Marian in Hugging Face's layout (Junczys-Dowmunt et al. 2018; opus-mt): post-norm, sinusoids in halves from 0. Decoding begins with
 * padding, whose vector is zero and which must never follow.
 */
export function marian(json: unknown, where: string, generation: GenerationConfiguration, unknown: number | undefined): ForeignModel {
  const given = checked(json, where, configuration, 'the configuration of a Marian model');
  requireOnly(where, 'normalize_before', given.normalize_before, [false]);
  requireOnly(where, 'add_final_layer_norm', given.add_final_layer_norm, [false]);
  requireOnly(where, 'normalize_embedding', given.normalize_embedding, [false]);
  requireOnly(where, 'static_position_embeddings', given.static_position_embeddings, [true]);
  requireOnly(where, 'tie_word_embeddings', given.tie_word_embeddings, [true]);
  const { share_encoder_decoder_embeddings: sharedTable, encoder_layers: encoderLayers, decoder_layers: decoderLayers } = given;
  const special = specialOf({
    pad: given.pad_token_id,
    begin: given.decoder_start_token_id ?? given.pad_token_id,
    end: endOf(generation, given.eos_token_id),
    unknown,
  });
  return {
    architecture: 'MarianMTModel',
    options: {
      kind: 'transformer',
      preset: 'marian',
      encoderLayers,
      decoderLayers,
      width: given.d_model,
      heads: given.decoder_attention_heads,
      encoderHeads: given.encoder_attention_heads,
      feedForward: given.decoder_ffn_dim,
      encoderFeedForward: given.encoder_ffn_dim,
      activation: given.activation_function,
      scaledEmbeddings: given.scale_embedding,
      tiedEmbeddings: sharedTable ? 'all' : 'target',
    },
    source: { size: given.vocab_size, special },
    target: { size: sharedTable ? given.vocab_size : (given.decoder_vocab_size ?? given.vocab_size), special },
    counterparts: bartNames({ encoderLayers, decoderLayers, finalNorms: false, sharedTable, outputBias: true }),
    isUnused: (name) => isRepeatedInBart(name, sharedTable),
    decoding: decodingOf(generation),
    positions: undefined,
  };
}

export const marianClass: HuggingFaceClass = {
  type: 'marian',
  name: 'MarianMTModel',

  misfits: ({
    options: { norm, positions, sinusoids, firstPosition, biases, activation: inner, keyValueHeads, heads, tiedEmbeddings, sourceEnd },
  }) =>
    misfitsOf([
      ['model.norm.kind', norm.kind, ['layer']],
      ['model.norm.epsilon', norm.epsilon, [1e-5]],
      ['model.positions', positions, ['sinusoidal']],
      ['model.sinusoids', sinusoids, ['halves']],
      ['model.firstPosition', firstPosition, [0]],
      ['model.biases', biases, [true]],
      ['model.activation', inner, ['relu', 'gelu', 'gelu-tanh', 'swish']],
      ['model.keyValueHeads', keyValueHeads ?? heads, [heads]],
      ['model.tiedEmbeddings', tiedEmbeddings, ['target', 'all']],
      ['model.sourceEnd', sourceEnd, [true]],
    ]),

  configuration: ({ options, source, target, positions }) => ({
    ...stackSizes(options),
    vocab_size: source?.size ?? target.size,
    decoder_vocab_size: target.size,
    activation_function: activationName(options.activation),
    max_position_embeddings: positions,
    scale_embedding: options.scaledEmbeddings,
    static_position_embeddings: true,
    share_encoder_decoder_embeddings: options.tiedEmbeddings === 'all',
    tie_word_embeddings: true,
    ...encoderDecoderIds(target.special),
  }),

  counterparts: ({ encoderLayers, decoderLayers, tiedEmbeddings }) =>
    bartNames({ encoderLayers, decoderLayers, finalNorms: false, sharedTable: tiedEmbeddings === 'all', outputBias: true }),

  zeros: ({ options, target }) => new Map(options.outputBias ? [] : [['final_logits_bias', [1, target.size]]]),
};
