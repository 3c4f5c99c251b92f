import type * as z from 'zod';
import type { TransformerOptions } from '../../models/transformer/options.js';
import type { Counterpart } from '../counterparts.js';
import * as field from './configuration.js';
import { type LayerNames, normCounterparts, stackCounterparts, tableCounterpart, torchParts } from './layer-names.js';

/** Which stacks there are, and what they have. */
export interface BartStacks {
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** Whether each stack is normalised at its end. */
  readonly finalNorms: boolean;
  /** One table for both sides, or one each. */
  readonly sharedTable: boolean;
  readonly outputBias: boolean;
}

/** Names of Hugging Face's encoder-decoders that descend from BART (Lewis et al. 2020): Marian, M2M100. */
export function bartNames({ encoderLayers, decoderLayers, finalNorms, sharedTable, outputBias }: BartStacks): Counterpart[] {
  const stack = (side: 'encoder' | 'decoder', layers: number) => [
    ...stackCounterparts(side, layers, (layer) => layerNames(`model.${side}.layers.${layer}`, side), torchParts),
    ...(finalNorms ? normCounterparts(`${side}.norm`, `model.${side}.layer_norm.*`, torchParts) : []),
  ];
  return [
    ...(sharedTable
      ? [tableCounterpart('target', 'model.shared.weight')]
      : [tableCounterpart('source', 'model.encoder.embed_tokens.weight'), tableCounterpart('target', 'model.decoder.embed_tokens.weight')]),
    ...stack('encoder', encoderLayers),
    ...stack('decoder', decoderLayers),
    ...(outputBias ? [{ name: 'output.bias', theirs: ['final_logits_bias'], tokens: 'target', isOneRow: true } as const] : []),
  ];
}

function layerNames(layer: string, side: 'encoder' | 'decoder'): LayerNames {
  const [self, source] = [`${layer}.self_attn`, `${layer}.encoder_attn`];
  return {
    attention: {
      norm: `${self}_layer_norm.*`,
      projection: [`${self}.q_proj.*`, `${self}.k_proj.*`, `${self}.v_proj.*`],
      output: `${self}.out_proj.*`,
    },
    memory:
      side === 'encoder'
        ? undefined
        : {
            norm: `${source}_layer_norm.*`,
            query: `${source}.q_proj.*`,
            memory: [`${source}.k_proj.*`, `${source}.v_proj.*`],
            output: `${source}.out_proj.*`,
          },
    feedForward: { norm: `${layer}.final_layer_norm.*`, up: [`${layer}.fc1.*`], down: `${layer}.fc2.*` },
  };
}

/** Tables that are computed, and names under which older files repeat a tied table. */
export function isRepeatedInBart(name: string, sharedTable: boolean): boolean {
  if (/^model\.(encoder|decoder)\.embed_positions\.weights?$/.test(name) || name === 'lm_head.weight') return true;
  return sharedTable && /^model\.(encoder|decoder)\.embed_tokens\.weight$/.test(name);
}

/** What the configurations of both say of their stacks. */
export const stackFields = {
  vocab_size: field.vocabularySize,
  d_model: field.size,
  encoder_layers: field.layers,
  decoder_layers: field.layers,
  encoder_attention_heads: field.size,
  decoder_attention_heads: field.size,
  encoder_ffn_dim: field.size,
  decoder_ffn_dim: field.size,
  activation_function: field.activation,
};
type StackFields = { readonly [Key in keyof typeof stackFields]: z.output<(typeof stackFields)[Key]> };

/** As decade's options. */
export function stackOptions(given: StackFields & { readonly scale_embedding: boolean }) {
  return {
    kind: 'transformer',
    encoderLayers: given.encoder_layers,
    decoderLayers: given.decoder_layers,
    width: given.d_model,
    heads: given.decoder_attention_heads,
    encoderHeads: given.encoder_attention_heads,
    feedForward: given.decoder_ffn_dim,
    encoderFeedForward: given.encoder_ffn_dim,
    activation: given.activation_function,
    scaledEmbeddings: given.scale_embedding,
  } as const;
}

/** Decade's options as the configurations of both name them. */
export function stackSizes(options: TransformerOptions) {
  return {
    d_model: options.width,
    encoder_layers: options.encoderLayers,
    decoder_layers: options.decoderLayers,
    encoder_attention_heads: options.encoderHeads,
    decoder_attention_heads: options.heads,
    encoder_ffn_dim: options.encoderFeedForward,
    decoder_ffn_dim: options.feedForward,
    activation_function: field.activationName(options.activation),
    scale_embedding: options.scaledEmbeddings,
    dropout: options.dropout,
    is_encoder_decoder: true,
  };
}

/** What both have in one way only. */
export function stackRequirements({ norm, positions, biases, activation, keyValueHeads, heads, sourceEnd }: TransformerOptions) {
  return [
    ['model.norm.kind', norm.kind, ['layer']],
    ['model.norm.epsilon', norm.epsilon, [1e-5]],
    ['model.positions', positions, ['sinusoidal']],
    ['model.biases', biases, [true]],
    ['model.activation', activation, ['relu', 'gelu', 'gelu-tanh', 'swish']],
    ['model.keyValueHeads', keyValueHeads ?? heads, [heads]],
    ['model.sourceEnd', sourceEnd, [true]],
  ] as const;
}
