import type { TransformerOptions } from '../../models/transformer/options.js';
import type { Counterpart } from '../counterparts.js';

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

/** A linear layer, or a normalisation, under its names on both sides. */
const linear = (ours: string, ...theirs: string[]): Counterpart[] =>
  ['weight', 'bias'].map((part) => ({ name: `${ours}.${part}`, theirs: theirs.map((name) => `${name}.${part}`) }));
const norm = (ours: string, theirs: string): Counterpart[] => [
  { name: `${ours}.gain`, theirs: [`${theirs}.weight`] },
  { name: `${ours}.bias`, theirs: [`${theirs}.bias`] },
];

/** Names of Hugging Face's encoder-decoders that descend from BART (Lewis et al. 2020): Marian, M2M100. */
export function bartNames({ encoderLayers, decoderLayers, finalNorms, sharedTable, outputBias }: BartStacks): Counterpart[] {
  const stack = (side: 'encoder' | 'decoder', layers: number) => [
    ...Array.from({ length: layers }, (_, layer) => {
      const [ours, theirs] = [`${side}.${layer}`, `model.${side}.layers.${layer}`];
      const own = ['q', 'k', 'v'].map((part) => `${theirs}.self_attn.${part}_proj`);
      const source = `${theirs}.encoder_attn`;
      return [
        ...norm(`${ours}.attention.norm`, `${theirs}.self_attn_layer_norm`),
        ...linear(`${ours}.attention.projection`, ...own),
        ...linear(`${ours}.attention.output`, `${theirs}.self_attn.out_proj`),
        ...(side === 'encoder'
          ? []
          : [
              ...norm(`${ours}.memory.norm`, `${theirs}.encoder_attn_layer_norm`),
              ...linear(`${ours}.memory.query`, `${source}.q_proj`),
              ...linear(`${ours}.memory.memory`, `${source}.k_proj`, `${source}.v_proj`),
              ...linear(`${ours}.memory.output`, `${source}.out_proj`),
            ]),
        ...norm(`${ours}.feedForward.norm`, `${theirs}.final_layer_norm`),
        ...linear(`${ours}.feedForward.up`, `${theirs}.fc1`),
        ...linear(`${ours}.feedForward.down`, `${theirs}.fc2`),
      ];
    }).flat(),
    ...(finalNorms ? norm(`${side}.norm`, `model.${side}.layer_norm`) : []),
  ];
  const table = (side: 'source' | 'target', name: string): Counterpart => ({
    name: `${side}.embedding.table`,
    theirs: [name],
    tokens: side,
  });
  return [
    ...(sharedTable
      ? [table('target', 'model.shared.weight')]
      : [table('source', 'model.encoder.embed_tokens.weight'), table('target', 'model.decoder.embed_tokens.weight')]),
    ...stack('encoder', encoderLayers),
    ...stack('decoder', decoderLayers),
    ...(outputBias ? [{ name: 'output.bias', theirs: ['final_logits_bias'], tokens: 'target', isOneRow: true } as const] : []),
  ];
}

/** Tables that are computed, and names under which older files repeat a tied table. */
export function isRepeatedInBart(name: string, sharedTable: boolean): boolean {
  if (/^model\.(encoder|decoder)\.embed_positions\.weights?$/.test(name) || name === 'lm_head.weight') return true;
  return sharedTable && /^model\.(encoder|decoder)\.embed_tokens\.weight$/.test(name);
}

/** The sizes of both stacks, as their configurations name them. */
export function stackSizes({
  width,
  encoderLayers,
  decoderLayers,
  encoderHeads,
  heads,
  encoderFeedForward,
  feedForward,
  dropout,
}: TransformerOptions) {
  return {
    d_model: width,
    encoder_layers: encoderLayers,
    decoder_layers: decoderLayers,
    encoder_attention_heads: encoderHeads,
    decoder_attention_heads: heads,
    encoder_ffn_dim: encoderFeedForward,
    decoder_ffn_dim: feedForward,
    dropout,
    is_encoder_decoder: true,
  };
}
