import { DecadeError } from '../core/errors.js';
import type { ItemKind } from '../core/lists.js';
import type { StepModel } from '../models/model.js';
import type { Beginning, Tokenizer } from '../text/tokenizer.js';
import type { Glossary } from './constraints/glossary.js';
import type { PhraseChoice } from './constraints/sentence-phrases.js';
import type { DecodingOptions } from './options.js';

/**
 * A line to translate. `must` and `mustNot` are what its translation must and must not have, besides what the options say of all
 * lines. `prefix` is text that its translation must begin with (whole words): it stands there as it was given, in
 * one line and without spaces at its ends, whatever of it the model knows; the model reads it normalised, as all text. For a
 * model of characters a space at its end is one more character. One that the model has no room for is cut, with a warning. An empty
 * line has an empty translation all the same.
 */
export type SourceLine = string | SourceLineRecord;

/** A line to translate, and what is asked of its translation. */
export interface SourceLineRecord extends PhraseChoice {
  readonly text: string;
  readonly prefix?: string | undefined;
}

export const sourceLine: ItemKind = {
  is(line) {
    if (typeof line === 'string') return true;
    if (typeof line !== 'object' || line === null || !('text' in line) || typeof line.text !== 'string') return false;
    const { prefix, must, mustNot } = line as Partial<Record<keyof SourceLineRecord, unknown>>;
    const isText = (item: unknown) => typeof item === 'string';
    const isList = (list: unknown, is: (item: unknown) => boolean) => list === undefined || (Array.isArray(list) && list.every(is));
    const isForms = (item: unknown) => isText(item) || (item !== undefined && isList(item, isText));
    return (prefix === undefined || isText(prefix)) && isList(must, isForms) && isList(mustNot, isText);
  },
  name: 'text, or { text, prefix, must, mustNot }',
};

/** A line with what it asks for itself and what a glossary says of it. */
export function withTerms(line: SourceLine, glossary: Glossary | undefined): SourceLine {
  if (glossary === undefined) return line;
  const given: SourceLineRecord = typeof line === 'string' ? { text: line } : line;
  const { must, mustNot } = glossary.phrasesOf(given.text);
  return { ...given, must: [...(given.must ?? []), ...must], mustNot: [...(given.mustNot ?? []), ...mustNot] };
}

/** A line of text as a model takes it. */
export interface EncodedLine {
  readonly ids: readonly number[];
  /** Set when the line was cut. */
  readonly warning: DecadeError | undefined;
}

/** Where a line is cut, and how a caller sets that. */
export interface LineLimit {
  readonly tokens: number;
  /** The option by its names in the library and on the command line; undefined where the model can read no more. */
  readonly option: string | undefined;
}

/** Token ids of line `line` (from 1 on); those past the limit are left out, with a warning. */
export function encodeLine(tokenizer: Tokenizer, text: string, line: number, limit: LineLimit, side = ''): EncodedLine {
  const ids = tokenizer.encode(text);
  if (ids.length <= limit.tokens) return { ids, warning: undefined };
  const most = limit.tokens.toLocaleString('en');
  const warning = new DecadeError('input', {
    where: `${side === '' ? '' : `${side}, `}line ${line}`,
    received: `${ids.length.toLocaleString('en')} tokens; only the first ${most} were used`,
    allowed: `at most ${most}`,
    next: `split the line into sentences${limit.option === undefined ? '' : `, or raise ${limit.option}`}`,
  });
  return { ids: ids.slice(0, limit.tokens), warning };
}

/** What the translation of a line begins with: no more than the model has room for, with a warning where that is cut. */
export function encodePrefix(
  tokenizer: Tokenizer,
  text: string,
  line: number,
  room = Infinity,
): { readonly beginning: Beginning | undefined; readonly warning: DecadeError | undefined } {
  const beginning = tokenizer.encodeBeginning(text);
  if (beginning === undefined || beginning.ids.length <= room) return { beginning, warning: undefined };
  const ids = beginning.ids.slice(0, room);
  const warning = new DecadeError('input', {
    where: `prefix, line ${line}`,
    received: `${beginning.ids.length} tokens; only the first ${room} were used, and nothing follows them`,
    allowed: `at most ${room}`,
    next: 'shorten the prefix',
  });
  return { beginning: { ids, text: tokenizer.decode(ids) }, warning };
}

/** A limit that a caller sets, and what the model can read at most. */
export function lineLimit(tokens: number, option: string, room = Infinity): LineLimit {
  return room < tokens ? { tokens: room, option: undefined } : { tokens, option };
}

/** That of lines to translate. */
export function sourceLimit(
  { maximumSourceLength }: Pick<DecodingOptions, 'maximumSourceLength'>,
  model: Pick<StepModel, 'lengthLimits'> | undefined,
): LineLimit {
  return lineLimit(maximumSourceLength, 'maximumSourceLength (--max-source-length)', model?.lengthLimits?.source);
}
