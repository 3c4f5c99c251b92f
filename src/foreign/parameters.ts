import { checked } from './json-file.js';
import { type TransformerOptions, transformerOptions } from '../models/transformer/options.js';
import type { VocabularySizes } from '../models/model.js';
import type { TokenRows } from './counterparts.js';
import type { ForeignModel, ForeignVocabulary } from './foreign-model.js';
import { type OrderedTokens, orderTokens } from './token-rows.js';

/** A model of another library as decade would make it. */
export interface OwnForm {
  readonly options: TransformerOptions;
  readonly vocabularies: VocabularySizes;
  readonly tokens: { readonly source: OrderedTokens | undefined; readonly target: OrderedTokens };
  readonly rows: TokenRows;
}

/** @throws DecadeError `input` for sizes that do not fit together */
export function ownForm({ architecture, options, source, target }: ForeignModel): OwnForm {
  const ordered = ({ size, specials }: ForeignVocabulary) => orderTokens(size, specials);
  const tokens = { source: source && ordered(source), target: ordered(target) };
  return {
    options: checked({ ...options, absentTokens: tokens.target.absent }, architecture, transformerOptions, 'sizes that fit together'),
    vocabularies: { source: tokens.source?.rows.length, target: tokens.target.rows.length },
    tokens,
    rows: { source: tokens.source?.rows, target: tokens.target.rows },
  };
}
