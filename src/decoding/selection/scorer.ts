import { DecadeError } from '../../core/errors.js';
import { shownValue } from '../../core/visible-text.js';
import type { CandidateList, Criterion, SelectionControl, Valuation } from './criterion.js';

/** A function of the user's own: a number for each candidate of a source, higher is better. */
export type CandidateScorer = (
  source: string,
  candidates: readonly string[],
  control: SelectionControl,
) => ArrayLike<number> | Promise<ArrayLike<number>>;

export interface ScorerOptions {
  /** Of the criterion: a word. Default: `scorer`. */
  readonly name?: string | undefined;
  /**
   * Called once, when the scorer fails; from then on all candidates are worth the same, so that nothing that was translated is lost.
   * Without it a failure ends the call.
   */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** Best of N by a function of the user's own. */
export function scorer(score: CandidateScorer, { name = 'scorer', onFault }: ScorerOptions = {}): Criterion {
  let hasFailed = false;
  const valuesOf = async ({ source, candidates }: CandidateList, control: SelectionControl): Promise<ArrayLike<number>> => {
    if (hasFailed) return new Float64Array(candidates.length);
    try {
      const texts = candidates.map(({ text }) => text);
      const values = await score(source, texts, control);
      requireScores(name, values, texts.length);
      return Float64Array.from(values);
    } catch (error) {
      control.signal?.throwIfAborted();
      if (onFault === undefined) throw error;
      hasFailed = true;
      onFault(error);
      return new Float64Array(candidates.length);
    }
  };
  return {
    name,
    async valuations(lists, control) {
      const valuations: Valuation[] = [];
      for (const list of lists) {
        control.signal?.throwIfAborted();
        const started = performance.now();
        const values = await valuesOf(list, control);
        const evaluations = hasFailed ? 0 : list.candidates.length;
        valuations.push({ values, cost: { evaluations, operations: 0, seconds: (performance.now() - started) / 1000 } });
      }
      return valuations;
    },
  };
}

function requireScores(name: string, values: unknown, count: number): asserts values is ArrayLike<number> {
  const isList = typeof values === 'object' && values !== null && 'length' in values;
  const list = isList ? Array.from(values as ArrayLike<unknown>) : [];
  const odd = list.findIndex((value) => typeof value !== 'number' || Number.isNaN(value));
  if (isList && list.length === count && odd < 0) return;
  const received = !isList ? shownValue(values) : odd < 0 ? `${list.length} scores` : `${shownValue(list[odd])} for candidate ${odd + 1}`;
  throw new DecadeError('usage', { where: name, received, allowed: `${count} numbers, one for each candidate` });
}
