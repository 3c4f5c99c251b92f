import * as z from 'zod';
import type { Counterpart } from '../counterparts.js';
import type { ForeignModel } from '../foreign-model.js';
import { type HuggingFaceClass, misfitsOf } from '../hugging-face-class.js';
import { languageModelIds } from '../written-model.js';
import { checked } from '../json-file.js';
import {
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

const ropeParameters = z.looseObject({
  rope_theta: z.number().min(1).optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
});
const configuration = z.looseObject({
  vocab_size: vocabularySize,
  hidden_size: size,
  intermediate_size: z.int().min(1).max(1_000_000),
  num_hidden_layers: layers,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  max_position_embeddings: z.int().min(1).default(2_048),
  rms_norm_eps: z.number().positive().max(0.1).default(1e-6),
  rope_theta: z.number().min(1).nullish(),
  rope_parameters: ropeParameters.nullish(),
  rope_scaling: ropeParameters.nullish(),
  tie_word_embeddings: z.boolean().default(false),
  bos_token_id: tokenId.default(1),
  pad_token_id: optionalId,
  eos_token_id: z.union([tokenId, z.array(tokenId).min(1)]).default(2),
});

/** Llama (Touvron et al. 2023): root mean squares, rotary positions that turn halves, SwiGLU, grouped queries. */
export function llama(json: unknown, where: string, generation: GenerationConfiguration, unknown: number | undefined): ForeignModel {
  const given = checked(json, where, configuration, 'the configuration of a Llama model');
  const { num_attention_heads: heads, hidden_size: width, num_hidden_layers: decoderLayers, tie_word_embeddings: isTied } = given;
  requireOnly(where, 'hidden_act', given.hidden_act, ['silu', 'swish']);
  requireOnly(where, 'attention_bias', given.attention_bias, [false]);
  requireOnly(where, 'mlp_bias', given.mlp_bias, [false]);
  requireOnly(where, 'head_dim', given.head_dim, [width / heads]);
  for (const [key, rope] of [
    ['rope_parameters', given.rope_parameters],
    ['rope_scaling', given.rope_scaling],
  ] as const) {
    requireOnly(where, `${key}: rope_type`, rope?.rope_type ?? rope?.type, ['default']);
  }
  const end = endOf(generation, Array.isArray(given.eos_token_id) ? (given.eos_token_id[0] ?? 2) : given.eos_token_id);
  return {
    architecture: 'LlamaForCausalLM',
    options: {
      kind: 'transformer',
      preset: 'llama',
      decoderLayers,
      width,
      heads,
      keyValueHeads: given.num_key_value_heads ?? heads,
      feedForward: given.intermediate_size,
      norm: { epsilon: given.rms_norm_eps },
      rotaryBase: given.rope_parameters?.rope_theta ?? given.rope_theta ?? 10_000,
      tiedEmbeddings: isTied ? 'target' : 'none',
    },
    source: undefined,
    target: {
      size: given.vocab_size,
      special: specialOf({ pad: given.pad_token_id, begin: generation.bos_token_id ?? given.bos_token_id, end, unknown }),
    },
    counterparts: llamaNames(decoderLayers, isTied),
    isUnused: (name) => /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/.test(name) || (isTied && name === 'lm_head.weight'),
    decoding: {},
    positions: given.max_position_embeddings,
  };
}

function llamaNames(layerCount: number, isTied: boolean): Counterpart[] {
  const of = (name: string, ...theirs: string[]): Counterpart => ({ name, theirs: theirs.map((each) => `${each}.weight`) });
  return [
    { ...of('target.embedding.table', 'model.embed_tokens'), tokens: 'target' },
    ...Array.from({ length: layerCount }, (_, layer) => {
      const [ours, theirs] = [`decoder.${layer}`, `model.layers.${layer}`];
      return [
        of(`${ours}.attention.norm.gain`, `${theirs}.input_layernorm`),
        of(`${ours}.attention.projection.weight`, ...['q', 'k', 'v'].map((part) => `${theirs}.self_attn.${part}_proj`)),
        of(`${ours}.attention.output.weight`, `${theirs}.self_attn.o_proj`),
        of(`${ours}.feedForward.norm.gain`, `${theirs}.post_attention_layernorm`),
        of(`${ours}.feedForward.up.weight`, `${theirs}.mlp.gate_proj`, `${theirs}.mlp.up_proj`),
        of(`${ours}.feedForward.down.weight`, `${theirs}.mlp.down_proj`),
      ];
    }).flat(),
    of('decoder.norm.gain', 'model.norm'),
    ...(isTied ? [] : [{ ...of('output.weight', 'lm_head'), tokens: 'target' } as const]),
  ];
}

export const llamaClass: HuggingFaceClass = {
  type: 'llama',
  name: 'LlamaForCausalLM',

  misfits: ({ options: { norm, positions, rotaryPairs, biases, outputBias, scaledEmbeddings, activation } }) =>
    misfitsOf([
      ['model.norm.place', norm.place, ['pre']],
      ['model.norm.kind', norm.kind, ['rms']],
      ['model.positions', positions, ['rotary']],
      ['model.rotaryPairs', rotaryPairs, ['halves']],
      ['model.biases', biases, [false]],
      ['model.outputBias', outputBias, [false]],
      ['model.scaledEmbeddings', scaledEmbeddings, [false]],
      ['model.activation', activation, ['swiglu']],
    ]),

  configuration: ({ options, target, positions }) => ({
    vocab_size: target.size,
    hidden_size: options.width,
    intermediate_size: options.feedForward,
    num_hidden_layers: options.decoderLayers,
    num_attention_heads: options.heads,
    num_key_value_heads: options.keyValueHeads ?? options.heads,
    head_dim: options.width / options.heads,
    hidden_act: 'silu',
    max_position_embeddings: positions,
    rms_norm_eps: options.norm.epsilon,
    rope_theta: options.rotaryBase,
    rope_parameters: { rope_theta: options.rotaryBase, rope_type: 'default' },
    tie_word_embeddings: options.tiedEmbeddings !== 'none',
    attention_bias: false,
    mlp_bias: false,
    ...languageModelIds(target.special),
  }),

  counterparts: ({ decoderLayers, tiedEmbeddings }) => llamaNames(decoderLayers, tiedEmbeddings !== 'none'),

  zeros: () => new Map(),
};
