import * as z from 'zod';
import { headSize } from '../../models/transformer/options.js';
import { gateOf } from '../../tensor/operations/activated-linear.js';
import type { Counterpart } from '../counterparts.js';
import type { TransformerOptionsInput } from '../foreign-model.js';
import { padOf } from '../written-model.js';
import { type Architecture, architecture } from './architecture.js';
import * as field from './configuration.js';
import { type LayerNames, normCounterparts, type PartNames, stackCounterparts, tableCounterpart } from './layer-names.js';

/** `feed_forward_proj` as decade's activation: gelu stands there for its approximation by tanh where it is a gate only. */
const activationNames: Readonly<Record<string, NonNullable<TransformerOptionsInput['activation']>>> = {
  relu: 'relu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  silu: 'swish',
  'gated-gelu': 'geglu-tanh',
  'gated-silu': 'swiglu',
};

/** T5 (Raffel et al. 2020), 1.0 and 1.1: a learned bias by distance, root mean squares, no biases, unscaled scores. */
export const t5 = t5Of('t5', 'T5ForConditionalGeneration');
/** mT5 (Xue et al. 2021) is T5 1.1 with other words. */
export const mt5 = t5Of('mt5', 'MT5ForConditionalGeneration');

function t5Of(type: string, name: string): Architecture {
  return architecture({
    type,
    name,

    schema: z.looseObject({
      vocab_size: field.vocabularySize,
      d_model: field.size,
      d_kv: field.size,
      d_ff: field.size,
      num_layers: field.layers,
      num_decoder_layers: field.layers.nullish(),
      num_heads: field.size,
      relative_attention_num_buckets: z.int().min(4).max(4_096).default(32),
      relative_attention_max_distance: z.int().min(2).max(1_000_000).default(128),
      feed_forward_proj: z
        .string()
        .refine((proj) => Object.hasOwn(activationNames, proj), `expected ${Object.keys(activationNames).join(', ')}`)
        .default('relu'),
      layer_norm_epsilon: z.number().positive().max(0.1).default(1e-6),
      dropout_rate: z.number().min(0).lt(1).default(0.1),
      tie_word_embeddings: z.boolean().default(true),
      scale_decoder_outputs: z.boolean().nullish(),
      pad_token_id: field.tokenId.default(0),
      eos_token_id: field.tokenId.default(1),
      decoder_start_token_id: field.optionalId,
    }),

    fixed: ({ feed_forward_proj }) => ({
      is_encoder_decoder: [true],
      is_decoder: [false],
      dense_act_fn: [feed_forward_proj === 'gated-gelu' ? 'gelu_new' : feed_forward_proj.replace('gated-', '')],
    }),

    model(given, { generation, names, unknown }) {
      const { num_layers: encoderLayers, pad_token_id: pad } = given;
      const decoderLayers = given.num_decoder_layers ?? encoderLayers;
      const activation = activationNames[given.feed_forward_proj];
      const begin = generation.decoder_start_token_id ?? given.decoder_start_token_id ?? pad;
      const vocabulary = {
        size: given.vocab_size,
        special: field.specialOf({ pad, begin, end: field.endOf(generation, given.eos_token_id), unknown }),
      };
      // Version 5.18 says `tie_word_embeddings: true` of every T5.
      const isTied = !names.includes('lm_head.weight');
      const dropout = given.dropout_rate;
      return {
        options: {
          kind: 'transformer',
          preset: 't5',
          encoderLayers,
          decoderLayers,
          width: given.d_model,
          heads: given.num_heads,
          headWidth: given.d_kv,
          feedForward: given.d_ff,
          norm: { epsilon: given.layer_norm_epsilon },
          relativeBuckets: given.relative_attention_num_buckets,
          relativeDistance: given.relative_attention_max_distance,
          activation,
          tiedEmbeddings: isTied ? 'all' : 'sides',
          scaledOutput: given.scale_decoder_outputs ?? given.tie_word_embeddings,
          dropout,
          attentionDropout: dropout,
          feedForwardDropout: dropout,
        },
        source: vocabulary,
        target: vocabulary,
        counterparts: t5Names({ encoderLayers, decoderLayers, isTied, isGated: isGate(activation) }),
        isUnused: (tensor) =>
          /^(encoder|decoder)\.embed_tokens\.weight$/.test(tensor) || /\.EncDecAttention\.relative_attention_bias\.weight$/.test(tensor),
        decoding: field.decodingOf(generation),
        positions: undefined,
      };
    },

    requirements: ({ options }) => [
      ['model.norm.place', options.norm.place, ['pre']],
      ['model.norm.kind', options.norm.kind, ['rms']],
      ['model.positions', options.positions, ['relative']],
      ['model.biases', options.biases, [false]],
      ['model.outputBias', options.outputBias, [false]],
      ['model.scaledAttention', options.scaledAttention, [false]],
      ['model.scaledEmbeddings', options.scaledEmbeddings, [false]],
      ['model.activation', options.activation, Object.values(activationNames)],
      ['model.tiedEmbeddings', options.tiedEmbeddings, ['all', 'sides']],
      ['model.keyValueHeads', options.keyValueHeads ?? options.heads, [options.heads]],
      ['model.encoderHeads', options.encoderHeads, [options.heads]],
      ['model.encoderFeedForward', options.encoderFeedForward, [options.feedForward]],
      ['model.sourceEnd', options.sourceEnd, [true]],
    ],

    configuration: ({ options, target }) => {
      const proj = Object.entries(activationNames).find(([, own]) => own === options.activation)?.[0] ?? 'relu';
      return {
        vocab_size: target.size,
        d_model: options.width,
        d_kv: headSize(options),
        d_ff: options.feedForward,
        num_layers: options.encoderLayers,
        num_decoder_layers: options.decoderLayers,
        num_heads: options.heads,
        relative_attention_num_buckets: options.relativeBuckets,
        relative_attention_max_distance: options.relativeDistance,
        feed_forward_proj: proj,
        dense_act_fn: proj === 'gated-gelu' ? 'gelu_new' : proj.replace('gated-', ''),
        is_gated_act: isGate(options.activation),
        layer_norm_epsilon: options.norm.epsilon,
        dropout_rate: options.dropout,
        tie_word_embeddings: options.tiedEmbeddings === 'all',
        scale_decoder_outputs: options.scaledOutput,
        is_encoder_decoder: true,
        pad_token_id: padOf(target.special),
        eos_token_id: target.special.end,
        decoder_start_token_id: target.special.begin,
      };
    },

    counterparts: ({ encoderLayers, decoderLayers, tiedEmbeddings, activation }) =>
      t5Names({ encoderLayers, decoderLayers, isTied: tiedEmbeddings === 'all', isGated: isGate(activation) }),
  });
}

const parts: PartNames = { weight: 'weight', gain: 'weight' };

function isGate(activation: TransformerOptionsInput['activation']): boolean {
  return activation !== undefined && gateOf(activation) !== undefined;
}

interface T5Names {
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly isTied: boolean;
  readonly isGated: boolean;
}

function t5Names({ encoderLayers, decoderLayers, isTied, isGated }: T5Names): Counterpart[] {
  const stack = (side: 'encoder' | 'decoder', layers: number): Counterpart[] => [
    {
      name: `${side === 'encoder' ? 'source' : 'target'}.positions.table`,
      theirs: [`${side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`],
    },
    ...stackCounterparts(side, layers, (layer) => layerNames(`${side}.block.${layer}.layer`, side, isGated), parts),
    ...normCounterparts(`${side}.norm`, `${side}.final_layer_norm.*`, parts),
  ];
  return [
    tableCounterpart('target', 'shared.weight'),
    ...stack('encoder', encoderLayers),
    ...stack('decoder', decoderLayers),
    ...(isTied ? [] : [{ name: 'output.weight', theirs: ['lm_head.weight'], tokens: 'target' } as const]),
  ];
}

function layerNames(layer: string, side: 'encoder' | 'decoder', isGated: boolean): LayerNames {
  const [self, source] = [`${layer}.0.SelfAttention`, `${layer}.1.EncDecAttention`];
  const last = `${layer}.${side === 'encoder' ? 1 : 2}`;
  return {
    attention: { norm: `${layer}.0.layer_norm.*`, projection: [`${self}.q.*`, `${self}.k.*`, `${self}.v.*`], output: `${self}.o.*` },
    memory:
      side === 'encoder'
        ? undefined
        : { norm: `${layer}.1.layer_norm.*`, query: `${source}.q.*`, memory: [`${source}.k.*`, `${source}.v.*`], output: `${source}.o.*` },
    feedForward: {
      norm: `${last}.layer_norm.*`,
      up: isGated ? [`${last}.DenseReluDense.wi_0.*`, `${last}.DenseReluDense.wi_1.*`] : [`${last}.DenseReluDense.wi.*`],
      down: `${last}.DenseReluDense.wo.*`,
    },
  };
}
