import { createModel, modelOptions } from '../../src/models/create.js';
import { type Network, networkOf } from '../../src/parallel/schedule/network.js';
import { type OptimizerOptions, optimizerOptions } from '../../src/training/optimizer-options.js';

/** What schedules know of a small network; the source has as many words as the target. */
export function networkWith(
  model: { readonly [key: string]: unknown },
  targetVocabulary: number,
  optimizer: { readonly kind: OptimizerOptions['kind']; readonly lazy?: boolean } = { kind: 'sgd' },
): Network {
  const vocabularies = { source: targetVocabulary, target: targetVocabulary };
  return networkOf(createModel(modelOptions.parse({ kind: 'lstm', ...model }), vocabularies), optimizerOptions.parse(optimizer));
}
