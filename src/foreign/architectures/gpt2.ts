import * as z from 'zod';
import type { Counterpart } from '../counterparts.js';
import { languageModelIds } from '../written-model.js';
import { architecture } from './architecture.js';
import * as field from './configuration.js';
import { type LayerNames, normCounterparts, type PartNames, stackCounterparts, tableCounterpart, torchParts } from './layer-names.js';

/** GPT-2 (Radford et al. 2019). One token is the start and the end. */
export const gpt2 = architecture({
  type: 'gpt2',
  name: 'GPT2LMHeadModel',

  schema: z.looseObject({
    vocab_size: field.vocabularySize,
    n_positions: z.int().min(1).max(1_000_000),
    n_embd: field.size,
    n_layer: field.layers,
    n_head: field.size,
    n_inner: field.size.nullish(),
    activation_function: field.activation.prefault('gelu_new'),
    layer_norm_epsilon: z.number().positive().max(0.1).default(1e-5),
    bos_token_id: field.optionalId,
    pad_token_id: field.optionalId,
    eos_token_id: field.tokenId,
  }),

  fixed: () => ({
    scale_attn_weights: [true],
    scale_attn_by_inverse_layer_idx: [false],
    add_cross_attention: [false],
    tie_word_embeddings: [true],
  }),

  model(given, { generation, unknown, names }) {
    const end = field.endOf(generation, given.eos_token_id);
    const special = field.specialOf({ pad: given.pad_token_id, begin: given.bos_token_id ?? end, end, unknown });
    return {
      options: {
        kind: 'transformer',
        preset: 'gpt2',
        decoderLayers: given.n_layer,
        width: given.n_embd,
        heads: given.n_head,
        feedForward: given.n_inner ?? 4 * given.n_embd,
        maximumLength: given.n_positions,
        activation: given.activation_function,
        norm: { epsilon: given.layer_norm_epsilon },
        beginPrompts: false,
      },
      source: undefined,
      target: { size: given.vocab_size, special },
      // Files of 2019 name the tensors without the head's prefix.
      counterparts: gpt2Names(given.n_layer, names.some((name) => name.startsWith('transformer.')) ? 'transformer.' : ''),
      isUnused: (name) => /^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$/.test(name) || name === 'lm_head.weight',
      decoding: {},
      positions: given.n_positions,
    };
  },

  requirements: ({ options }) => [
    ['model.norm.place', options.norm.place, ['pre']],
    ['model.norm.kind', options.norm.kind, ['layer']],
    ['model.positions', options.positions, ['learned']],
    ['model.biases', options.biases, [true]],
    ['model.outputBias', options.outputBias, [false]],
    ['model.scaledEmbeddings', options.scaledEmbeddings, [false]],
    ['model.activation', options.activation, ['relu', 'gelu', 'gelu-tanh', 'swish']],
    ['model.keyValueHeads', options.keyValueHeads ?? options.heads, [options.heads]],
    ['model.tiedEmbeddings', options.tiedEmbeddings, ['target', 'all']],
  ],

  configuration: ({ options, target }) => ({
    vocab_size: target.size,
    n_positions: options.maximumLength,
    n_embd: options.width,
    n_layer: options.decoderLayers,
    n_head: options.heads,
    n_inner: options.feedForward === 4 * options.width ? null : options.feedForward,
    activation_function: field.activationName(options.activation),
    layer_norm_epsilon: options.norm.epsilon,
    embd_pdrop: options.dropout,
    resid_pdrop: options.dropout,
    attn_pdrop: options.attentionDropout,
    scale_attn_weights: true,
    tie_word_embeddings: true,
    ...languageModelIds(target.special),
  }),

  counterparts: ({ decoderLayers }) => gpt2Names(decoderLayers, 'transformer.'),
});

const parts: PartNames = { ...torchParts, isTransposed: true };

function gpt2Names(layers: number, prefix: string): Counterpart[] {
  return [
    tableCounterpart('target', `${prefix}wte.weight`),
    { name: 'target.positions.table', theirs: [`${prefix}wpe.weight`] },
    ...stackCounterparts('decoder', layers, (layer) => layerNames(`${prefix}h.${layer}`), parts),
    ...normCounterparts('decoder.norm', `${prefix}ln_f.*`, parts),
  ];
}

const layerNames = (layer: string): LayerNames => ({
  attention: { norm: `${layer}.ln_1.*`, projection: [`${layer}.attn.c_attn.*`], output: `${layer}.attn.c_proj.*` },
  feedForward: { norm: `${layer}.ln_2.*`, up: [`${layer}.mlp.c_fc.*`], down: `${layer}.mlp.c_proj.*` },
});
