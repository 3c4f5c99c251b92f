import { DecadeError } from '../core/errors.js';
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
  /** The option by its names in the library and on the command line. */
  readonly option: string;
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
    next: `split the line into sentences, or raise ${limit.option}`,
  });
  return { ids: ids.slice(0, limit.tokens), warning };
}

/** That of lines to translate. */
export function sourceLimit({ maximumSourceLength }: Pick<DecodingOptions, 'maximumSourceLength'>): LineLimit {
  return { tokens: maximumSourceLength, option: 'maximumSourceLength (--max-source-length)' };
}
