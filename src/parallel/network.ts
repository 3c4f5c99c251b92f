import type { ModelOptions } from '../models/create.js';
import { requireSeparableLayers } from '../models/lstm/separable-layers.js';
import type { Network } from './schedule.js';

/** What a schedule knows of a model. Throws `usage` for what pipelines refuse. */
export function networkOf(model: ModelOptions, targetVocabulary: number): Network {
  requireSeparableLayers(model);
  return { layers: model.layers, hidden: model.hidden, embedding: model.embedding, targetVocabulary };
}
