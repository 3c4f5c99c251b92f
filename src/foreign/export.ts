import type { DecodingDefaults } from '../decoding/options.js';
import { specialIds, type VocabularySizes } from '../models/model.js';
import type { TransformerOptions } from '../models/transformer/options.js';
import type { WrittenModel } from './hugging-face-class.js';

/** Positions of a model that has no limit of its own, as Marian's configurations name them. */
const usualPositions = 512;

/** What is to be written of a model, with the ids that it has here. */
export function writtenModel(
  options: TransformerOptions,
  vocabularies: VocabularySizes,
  decoding: DecodingDefaults = {},
  positions = usualPositions,
): WrittenModel {
  const special = specialIds(vocabularies);
  const { source, target } = vocabularies;
  return {
    options,
    source: source === undefined ? undefined : { size: source, special: special.source },
    target: { size: target, special: special.target },
    decoding,
    positions,
  };
}
