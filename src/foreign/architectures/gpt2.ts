import * as z from 'zod';
import type { Counterpart } from '../counterparts.js';
import type { ForeignModel } from '../foreign-model.js';
import { type HuggingFaceClass, misfitsOf } from '../hugging-face-class.js';
import { languageModelIds } from '../written-model.js';
import { checked } from '../json-file.js';
import {
  activation,
  activationName,
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
  n_positions: z.int().min(1).max(1_000_000),
  n_embd: size,
  n_layer: layers,
  n_head: size,
  n_inner: size.nullish(),
  activation_function: activation.prefault('gelu_new'),
  layer_norm_epsilon: z.number().positive().max(0.1).default(1e-5),
  bos_token_id: optionalId,
  pad_token_id: optionalId,
  eos_token_id: tokenId,
});

/** GPT-2 (Radford et al. 2019). One token is the start and the end. */
export function gpt2(
  json: unknown,
  where: string,
  generation: GenerationConfiguration,
  unknown: number | undefined,
  names: Iterable<string>,
): ForeignModel {
  const given = checked(json, where, configuration, 'the configuration of a GPT-2 model');
  requireOnly(where, 'scale_attn_weights', given.scale_attn_weights, [true]);
  requireOnly(where, 'scale_attn_by_inverse_layer_idx', given.scale_attn_by_inverse_layer_idx, [false]);
  requireOnly(where, 'add_cross_attention', given.add_cross_attention, [false]);
  requireOnly(where, 'tie_word_embeddings', given.tie_word_embeddings, [true]);
  // Files of 2019 name the tensors without the head's prefix.
  const prefix = [...names].some((name) => name.startsWith('transformer.')) ? 'transformer.' : '';
  const end = endOf(generation, given.eos_token_id);
  return {
    architecture: 'GPT2LMHeadModel',
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
    target: { size: given.vocab_size, special: specialOf({ pad: given.pad_token_id, begin: given.bos_token_id ?? end, end, unknown }) },
    counterparts: gpt2Names(given.n_layer, prefix),
    isUnused: (name) => /^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$/.test(name) || name === 'lm_head.weight',
    decoding: {},
    positions: given.n_positions,
  };
}

/** Matrices are [inputs, outputs]. */
function gpt2Names(layerCount: number, prefix = 'transformer.'): Counterpart[] {
  const linear = (ours: string, theirs: string): Counterpart[] => [
    { name: `${ours}.weight`, theirs: [`${theirs}.weight`], isTransposed: true },
    { name: `${ours}.bias`, theirs: [`${theirs}.bias`] },
  ];
  const norm = (ours: string, theirs: string): Counterpart[] => [
    { name: `${ours}.gain`, theirs: [`${theirs}.weight`] },
    { name: `${ours}.bias`, theirs: [`${theirs}.bias`] },
  ];
  return [
    { name: 'target.embedding.table', theirs: [`${prefix}wte.weight`], tokens: 'target' },
    { name: 'target.positions.table', theirs: [`${prefix}wpe.weight`] },
    ...Array.from({ length: layerCount }, (_, layer) => {
      const [ours, theirs] = [`decoder.${layer}`, `${prefix}h.${layer}`];
      return [
        ...norm(`${ours}.attention.norm`, `${theirs}.ln_1`),
        ...linear(`${ours}.attention.projection`, `${theirs}.attn.c_attn`),
        ...linear(`${ours}.attention.output`, `${theirs}.attn.c_proj`),
        ...norm(`${ours}.feedForward.norm`, `${theirs}.ln_2`),
        ...linear(`${ours}.feedForward.up`, `${theirs}.mlp.c_fc`),
        ...linear(`${ours}.feedForward.down`, `${theirs}.mlp.c_proj`),
      ];
    }).flat(),
    ...norm('decoder.norm', `${prefix}ln_f`),
  ];
}

export const gpt2Class: HuggingFaceClass = {
  type: 'gpt2',
  name: 'GPT2LMHeadModel',

  misfits: ({
    options: { norm, positions, biases, outputBias, scaledEmbeddings, activation: inner, keyValueHeads, heads, tiedEmbeddings },
  }) =>
    misfitsOf([
      ['model.norm.place', norm.place, ['pre']],
      ['model.norm.kind', norm.kind, ['layer']],
      ['model.positions', positions, ['learned']],
      ['model.biases', biases, [true]],
      ['model.outputBias', outputBias, [false]],
      ['model.scaledEmbeddings', scaledEmbeddings, [false]],
      ['model.activation', inner, ['relu', 'gelu', 'gelu-tanh', 'swish']],
      ['model.keyValueHeads', keyValueHeads ?? heads, [heads]],
      ['model.tiedEmbeddings', tiedEmbeddings, ['target', 'all']],
    ]),

  configuration: ({ options, target }) => ({
    vocab_size: target.size,
    n_positions: options.maximumLength,
    n_embd: options.width,
    n_layer: options.decoderLayers,
    n_head: options.heads,
    n_inner: options.feedForward === 4 * options.width ? null : options.feedForward,
    activation_function: activationName(options.activation),
    layer_norm_epsilon: options.norm.epsilon,
    embd_pdrop: options.dropout,
    resid_pdrop: options.dropout,
    attn_pdrop: options.attentionDropout,
    scale_attn_weights: true,
    tie_word_embeddings: true,
    ...languageModelIds(target.special),
  }),

  counterparts: ({ decoderLayers }) => gpt2Names(decoderLayers),

  zeros: () => new Map(),
};
