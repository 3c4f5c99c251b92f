import type { VocabularySizes } from '../model.js';
import type { ModelSummary } from '../summary.js';
import type { TransformerOptions } from './options.js';

/** What a Transformer with these options says of itself. */
export function transformerSummary(options: TransformerOptions, { source }: VocabularySizes): ModelSummary {
  const { encoderLayers, decoderLayers, width, heads, feedForward, norm, initialisation, initialDeviation } = options;
  const layers = source === undefined || encoderLayers === 0 ? `${decoderLayers}` : `${encoderLayers}+${decoderLayers}`;
  return {
    runName: `transformer-${layers}x${width}`,
    description: `Transformer, ${layers} layers of ${width} values, ${heads} heads, ${norm.place}-norm`,
    speedClass: `Transformer ${layers}x${width}, feed-forward ${feedForward}`,
    typicalWeights: [feedForward, width],
    sizeKeys: ['model.width', 'model.feedForward', 'model.decoderLayers'],
    calmerStart: initialisation === 'normal' ? `model.initialDeviation=${Number((initialDeviation / 2).toPrecision(2))}` : undefined,
  };
}
