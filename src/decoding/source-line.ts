import { DecadeError } from '../core/errors.js';
import type { StepModel } from '../models/model.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { DecodingOptions } from './options.js';

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
