import type { DecodingDefaults } from '../decoding/options.js';
import { beginId, endId, padId } from '../text/tokenizer.js';
import type { TokenRows } from './counterparts.js';
import type { WrittenModel, WrittenVocabulary } from './hugging-face-class.js';
import type { OwnForm } from './parameters.js';
import { type OrderedTokens, tokensOfRows } from './token-rows.js';

/** Positions of a model that has no limit of its own, as Marian's configurations name them. */
const usualPositions = 512;

/** A model with the ids that it is written with. */
export interface WrittenForm {
  readonly model: WrittenModel;
  /** Of every row there, the token id here. */
  readonly tokens: TokenRows;
}

export function writtenForm({ options, tokens }: Pick<OwnForm, 'options' | 'tokens'>, decoding: DecodingDefaults, positions = usualPositions): WrittenForm {
  const rowsOf = (ordered: OrderedTokens) => tokensOfRows(ordered, 1 + ordered.rows.reduce((most, row) => Math.max(most, row), -1));
  return {
    model: { options, source: tokens.source && vocabularyOf(tokens.source), target: vocabularyOf(tokens.target), decoding, positions },
    tokens: { source: tokens.source && rowsOf(tokens.source), target: rowsOf(tokens.target) },
  };
}

function vocabularyOf({ rows, absent }: OrderedTokens): WrittenVocabulary {
  const [pad, begin, end] = [padId, beginId, endId].map((id) => rows[id] as number) as [number, number, number];
  return { size: 1 + rows.reduce((most, row) => Math.max(most, row), -1), pad: absent.includes('<pad>') ? undefined : pad, begin, end };
}
