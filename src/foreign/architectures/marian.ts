import * as z from 'zod';
import { encoderDecoderIds } from '../written-model.js';
import { architecture } from './architecture.js';
import { bartNames, isRepeatedInBart, stackFields, stackOptions, stackRequirements, stackSizes } from './bart.js';
import * as field from './configuration.js';

/**
 * Marian in Hugging Face's layout (Junczys-Dowmunt et al. 2018; opus-mt): post-norm, sinusoids in halves from 0. Decoding begins with
 * padding, whose vector is zero and which must never follow.
 */
export const marian = architecture({
  type: 'marian',
  name: 'MarianMTModel',

  schema: z.looseObject({
    ...stackFields,
    decoder_vocab_size: field.vocabularySize.nullish(),
    max_position_embeddings: z.int().positive(),
    scale_embedding: z.boolean().default(false),
    share_encoder_decoder_embeddings: z.boolean().default(true),
    pad_token_id: field.tokenId,
    eos_token_id: field.tokenId,
    decoder_start_token_id: field.optionalId,
  }),

  fixed: () => ({
    normalize_before: [false],
    add_final_layer_norm: [false],
    normalize_embedding: [false],
    static_position_embeddings: [true],
    tie_word_embeddings: [true],
  }),

  model(given, { generation, unknown }) {
    const { share_encoder_decoder_embeddings: sharedTable } = given;
    const options = stackOptions(given);
    const special = field.specialOf({
      pad: given.pad_token_id,
      begin: given.decoder_start_token_id ?? given.pad_token_id,
      end: field.endOf(generation, given.eos_token_id),
      unknown,
    });
    return {
      options: { ...options, preset: 'marian', tiedEmbeddings: sharedTable ? 'all' : 'target' },
      source: { size: given.vocab_size, special },
      target: { size: sharedTable ? given.vocab_size : (given.decoder_vocab_size ?? given.vocab_size), special },
      counterparts: bartNames({ ...options, finalNorms: false, sharedTable, outputBias: true }),
      isUnused: (name) => isRepeatedInBart(name, sharedTable),
      decoding: field.decodingOf(generation),
      positions: undefined,
    };
  },

  requirements: ({ options }) => [
    ...stackRequirements(options),
    ['model.sinusoids', options.sinusoids, ['halves']],
    ['model.firstPosition', options.firstPosition, [0]],
    ['model.tiedEmbeddings', options.tiedEmbeddings, ['target', 'all']],
  ],

  configuration: ({ options, source, target, positions }) => ({
    ...stackSizes(options),
    vocab_size: source?.size ?? target.size,
    decoder_vocab_size: target.size,
    max_position_embeddings: positions,
    static_position_embeddings: true,
    share_encoder_decoder_embeddings: options.tiedEmbeddings === 'all',
    tie_word_embeddings: true,
    ...encoderDecoderIds(target.special),
  }),

  counterparts: (options) => bartNames({ ...options, finalNorms: false, sharedTable: options.tiedEmbeddings === 'all', outputBias: true }),

  zeros: ({ options, target }) => new Map(options.outputBias ? [] : [['final_logits_bias', [1, target.size]]]),
});
