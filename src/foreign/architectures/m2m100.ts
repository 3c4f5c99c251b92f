import * as z from 'zod';
import { encoderDecoderIds, padOf } from '../written-model.js';
import { architecture } from './architecture.js';
import { bartNames, isRepeatedInBart, stackFields, stackOptions, stackRequirements, stackSizes } from './bart.js';
import * as field from './configuration.js';

const parts = { finalNorms: true, sharedTable: true, outputBias: false } as const;

/** M2M100 (Fan et al. 2021), NLLB: pre-norm, sinusoids of tensor2tensor from the position after padding on. */
export const m2m100 = architecture({
  type: 'm2m_100',
  name: 'M2M100ForConditionalGeneration',

  schema: z.looseObject({
    ...stackFields,
    scale_embedding: z.boolean().default(true),
    pad_token_id: field.tokenId.default(1),
    eos_token_id: field.tokenId.default(2),
    decoder_start_token_id: field.tokenId.default(2),
  }),

  fixed: () => ({ tie_word_embeddings: [true] }),

  model(given, { generation, unknown }) {
    const { pad_token_id: pad, decoder_start_token_id: begin } = given;
    const options = stackOptions(given);
    const end = field.endOf(generation, given.eos_token_id);
    const vocabulary = { size: given.vocab_size, special: field.specialOf({ pad, begin, end, unknown }) };
    return {
      options: { ...options, sinusoids: 'tensor2tensor', firstPosition: pad + 1, tiedEmbeddings: 'all' },
      source: vocabulary,
      target: vocabulary,
      counterparts: bartNames({ ...options, ...parts }),
      isUnused: (name) => isRepeatedInBart(name, true),
      decoding: field.decodingOf(generation),
      positions: undefined,
    };
  },

  requirements: ({ options, target }) => [
    ...stackRequirements(options),
    ['model.sinusoids', options.sinusoids, ['tensor2tensor']],
    // Positions there begin behind that of padding.
    ['model.firstPosition', options.firstPosition, [padOf(target.special) + 1]],
    ['model.outputBias', options.outputBias, [false]],
    ['model.tiedEmbeddings', options.tiedEmbeddings, ['all']],
  ],

  configuration: ({ options, target, positions }) => ({
    ...stackSizes(options),
    vocab_size: target.size,
    max_position_embeddings: positions,
    tie_word_embeddings: true,
    ...encoderDecoderIds(target.special),
  }),

  counterparts: (options) => bartNames({ ...options, ...parts }),
});
