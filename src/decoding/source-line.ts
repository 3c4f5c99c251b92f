import { DecadeError } from '../core/errors.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** A line of text as a model takes it. */
export interface EncodedLine {
  readonly ids: readonly number[];
  /** Set when the line was cut. */
  readonly warning: DecadeError | undefined;
}

/** Token ids of line `line` (from 1 on); those past `limit` are left out, with a warning. */
export function encodeLine(tokenizer: Tokenizer, text: string, line: number, limit: number, side = ''): EncodedLine {
  const ids = tokenizer.encode(text);
  if (ids.length <= limit) return { ids, warning: undefined };
  const warning = new DecadeError('input', {
    where: `${side === '' ? '' : `${side}, `}line ${line}`,
    received: `${ids.length.toLocaleString('en')} tokens, of which the first ${limit.toLocaleString('en')} were used`,
    allowed: `at most ${limit.toLocaleString('en')}`,
    next: 'split the line into sentences, or raise maximumSourceLength',
  });
  return { ids: ids.slice(0, limit), warning };
}
