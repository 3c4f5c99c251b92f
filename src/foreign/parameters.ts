import type { VocabularySizes } from '../models/model.js';
import { type TransformerOptions, transformerOptions } from '../models/transformer/options.js';
import type { ForeignModel } from './foreign-model.js';
import { checked } from './json-file.js';

/** A model of another library as decade makes it. */
export interface OwnForm {
  readonly options: TransformerOptions;
  readonly vocabularies: VocabularySizes;
}

/** @throws DecadeError `input` for sizes that do not fit together */
export function ownForm({ architecture, options, source, target }: ForeignModel): OwnForm {
  return {
    options: checked(options, architecture, transformerOptions, 'sizes that fit together'),
    vocabularies: {
      source: source?.size,
      target: target.size,
      special: { source: source?.special, target: target.special },
    },
  };
}
