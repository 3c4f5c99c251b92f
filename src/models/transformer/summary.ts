import type { LengthLimits, VocabularySizes } from '../model.js';
import type { ModelSummary } from '../summary.js';
import { headSize, optionsWithoutEffect, type TransformerOptions } from './options.js';

/** What a Transformer with these options says of itself. */
export function transformerSummary(options: TransformerOptions, { source }: VocabularySizes): ModelSummary {
  const { encoderLayers, decoderLayers, width, heads, feedForward, norm, initialisation, initialDeviation } = options;
  const layers = source === undefined || encoderLayers === 0 ? `${decoderLayers}` : `${encoderLayers}+${decoderLayers}`;
  const kind = source === undefined ? 'Transformer language model' : 'Transformer';
  return {
    runName: `transformer-${layers}x${width}`,
    description: `${kind}, ${layers} ${layers === '1' ? 'layer' : 'layers'} of ${width} values, ${heads} heads, ${norm.place}-norm`,
    speedClass: `Transformer ${layers}x${width}, feed-forward ${feedForward}`,
    withoutEffect: optionsWithoutEffect(options, source !== undefined).map((key) => `model.${key}`),
    typicalWeights: [feedForward, width],
    attentionCost: (sourceTokens, targetTokens) => attentionCost(options, source === undefined ? undefined : sourceTokens, targetTokens),
    sizeKeys: ['model.width', 'model.feedForward', 'model.decoderLayers'],
    attentive: {
      encoderLayers: source === undefined ? 0 : encoderLayers,
      decoderLayers,
      hidden: width,
      operationsPerSight: 2 * 2 * heads * headSize(options),
    },
    calmerStart: initialisation === 'normal' ? `model.initialDeviation=${Number((initialDeviation / 2).toPrecision(2))}` : undefined,
  };
}

/** Of all heads together: for each pair of tokens that sees one another a score and a part of a sum, of all values of heads each. */
function attentionCost(options: TransformerOptions, sourceTokens: number | undefined, targetTokens: number): number {
  const { heads, encoderHeads, encoderLayers, decoderLayers, sourceEnd } = options;
  const [own, encoders] = [heads * headSize(options), encoderHeads * headSize(options, encoderHeads)];
  const causal = (length: number) => (length * (length + 1)) / 2;
  const source = sourceTokens === undefined ? 0 : sourceTokens + Number(sourceEnd);
  if (sourceTokens === undefined || encoderLayers === 0) return 2 * own * decoderLayers * causal(source + targetTokens);
  return 2 * (encoders * encoderLayers * source ** 2 + own * decoderLayers * (causal(targetTokens) + source * targetTokens));
}

/** What learned positions have room for. */
export function transformerLengthLimits(
  { positions, maximumLength, encoderLayers, sourceEnd }: TransformerOptions,
  { source }: VocabularySizes,
): LengthLimits | undefined {
  if (positions !== 'learned') return undefined;
  const ofSource = (tokens: number) => (source === undefined ? 0 : tokens + Number(sourceEnd));
  // What is predicted is one for each position: at that of `<s>` the first token, at that of the last token `</s>`.
  if (source !== undefined && encoderLayers === 0) {
    return {
      source: (maximumLength >> 1) - 1,
      target: (tokens) => maximumLength - ofSource(tokens),
      positions: (tokens, predicted) => ofSource(tokens) + predicted,
    };
  }
  return {
    source: maximumLength - ofSource(0),
    target: (tokens) => (ofSource(tokens) > maximumLength ? 0 : maximumLength),
    positions: (tokens, predicted) => Math.max(ofSource(tokens), predicted),
  };
}
