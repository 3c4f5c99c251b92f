import * as z from 'zod';
import { isOutputTied } from '../../models/transformer/options.js';
import type { Counterpart } from '../counterparts.js';
import { languageModelIds } from '../written-model.js';
import { architecture } from './architecture.js';
import * as field from './configuration.js';
import { type LayerNames, normCounterparts, type PartNames, stackCounterparts, tableCounterpart } from './layer-names.js';

const rope = z.looseObject({
  rope_theta: z.number().min(1).optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
});

/** Llama (Touvron et al. 2023): root mean squares, rotary positions that turn halves, SwiGLU, grouped queries. */
export const llama = architecture({
  type: 'llama',
  name: 'LlamaForCausalLM',

  schema: z.looseObject({
    vocab_size: field.vocabularySize,
    hidden_size: field.size,
    intermediate_size: z.int().min(1).max(1_000_000),
    num_hidden_layers: field.layers,
    num_attention_heads: field.size,
    num_key_value_heads: field.size.nullish(),
    head_dim: field.size.nullish(),
    max_position_embeddings: z.int().min(1).default(2_048),
    rms_norm_eps: z.number().positive().max(0.1).default(1e-6),
    rope_theta: z.number().min(1).nullish(),
    rope_parameters: rope.nullish(),
    rope_scaling: rope.nullish(),
    tie_word_embeddings: z.boolean().default(false),
    bos_token_id: field.tokenId.default(1),
    pad_token_id: field.optionalId,
    eos_token_id: z.union([field.tokenId, z.array(field.tokenId).min(1)]).default(2),
  }),

  fixed: ({ hidden_size, num_attention_heads }) => ({
    hidden_act: ['silu', 'swish'],
    attention_bias: [false],
    mlp_bias: [false],
    head_dim: [hidden_size / num_attention_heads],
  }),

  model(given, { where, generation, unknown }) {
    for (const key of ['rope_parameters', 'rope_scaling'] as const) {
      field.requireOnly(where, `${key}: rope_type`, given[key]?.rope_type ?? given[key]?.type, ['default']);
    }
    const { num_attention_heads: heads, num_hidden_layers: decoderLayers, tie_word_embeddings: isTied, eos_token_id: ends } = given;
    const end = field.endOf(generation, Array.isArray(ends) ? (ends[0] ?? 2) : ends);
    const begin = generation.bos_token_id ?? given.bos_token_id;
    return {
      options: {
        kind: 'transformer',
        preset: 'llama',
        decoderLayers,
        width: given.hidden_size,
        heads,
        keyValueHeads: given.num_key_value_heads ?? heads,
        feedForward: given.intermediate_size,
        norm: { epsilon: given.rms_norm_eps },
        rotaryBase: given.rope_parameters?.rope_theta ?? given.rope_theta ?? 10_000,
        tiedEmbeddings: isTied ? 'target' : 'none',
      },
      source: undefined,
      target: { size: given.vocab_size, special: field.specialOf({ pad: given.pad_token_id, begin, end, unknown }) },
      counterparts: llamaNames(decoderLayers, isTied),
      isUnused: (name) => /^model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/.test(name) || (isTied && name === 'lm_head.weight'),
      decoding: {},
      positions: given.max_position_embeddings,
    };
  },

  requirements: ({ options }) => [
    ['model.norm.place', options.norm.place, ['pre']],
    ['model.norm.kind', options.norm.kind, ['rms']],
    ['model.positions', options.positions, ['rotary']],
    ['model.rotaryPairs', options.rotaryPairs, ['halves']],
    ['model.biases', options.biases, [false]],
    ['model.outputBias', options.outputBias, [false]],
    ['model.scaledEmbeddings', options.scaledEmbeddings, [false]],
    ['model.activation', options.activation, ['swiglu']],
  ],

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
    tie_word_embeddings: isOutputTied(options),
    attention_bias: false,
    mlp_bias: false,
    ...languageModelIds(target.special),
  }),

  counterparts: (options) => llamaNames(options.decoderLayers, isOutputTied(options)),
});

const parts: PartNames = { weight: 'weight', gain: 'weight' };

function llamaNames(layers: number, isTied: boolean): Counterpart[] {
  return [
    tableCounterpart('target', 'model.embed_tokens.weight'),
    ...stackCounterparts('decoder', layers, (layer) => layerNames(`model.layers.${layer}`), parts),
    ...normCounterparts('decoder.norm', 'model.norm.*', parts),
    ...(isTied ? [] : [{ name: 'output.weight', theirs: ['lm_head.weight'], tokens: 'target' } as const]),
  ];
}

function layerNames(layer: string): LayerNames {
  const attention = `${layer}.self_attn`;
  return {
    attention: {
      norm: `${layer}.input_layernorm.*`,
      projection: [`${attention}.q_proj.*`, `${attention}.k_proj.*`, `${attention}.v_proj.*`],
      output: `${attention}.o_proj.*`,
    },
    feedForward: {
      norm: `${layer}.post_attention_layernorm.*`,
      up: [`${layer}.mlp.gate_proj.*`, `${layer}.mlp.up_proj.*`],
      down: `${layer}.mlp.down_proj.*`,
    },
  };
}
