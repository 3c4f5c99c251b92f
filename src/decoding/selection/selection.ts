import { counted } from '../../core/counted.js';
import { DecadeError } from '../../core/errors.js';
import { shownValue } from '../../core/visible-text.js';
import type { CandidateList, Criterion, SelectionControl, SelectionCost, Valuation } from './criterion.js';

/** A criterion and what its values are multiplied by. */
export interface WeightedCriterion {
  readonly criterion: Criterion;
  readonly weight: number;
}

/** A candidate in the order that a selection found. */
export interface SelectedCandidate {
  /** In the list that was given, from 0. */
  readonly index: number;
  /** The weighted sum of `values`, by which candidates are ordered. */
  readonly value: number;
  /** What each criterion says of it, by the criterion's name. */
  readonly values: Readonly<Record<string, number>>;
}

/** The candidates of one list, best first. */
export interface SelectedList {
  /**
   * Every candidate once. Of equal ones the one with the better own score stands first, and of those the earlier in the list, so a
   * text that was drawn twice stands there twice.
   */
  readonly ranking: readonly SelectedCandidate[];
  readonly cost: SelectionCost;
}

/**
 * Orders the candidates that a decoding has found, by a weighted sum of criteria (a log-linear model where these are
 * log-probabilities; Och and Ney 2002). One criterion by itself is a sum of one.
 */
export class Selection {
  readonly #terms: readonly WeightedCriterion[];

  /** Throws `usage` for no criterion, and for two of the same name. */
  constructor(terms: readonly WeightedCriterion[]) {
    const names = terms.map(({ criterion }) => criterion.name);
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (names.length === 0 || twice !== undefined) {
      const received = twice === undefined ? 'no criterion' : `the criterion ${twice} twice`;
      throw new DecadeError('usage', { where: 'selection', received, allowed: 'one criterion or several, each once' });
    }
    this.#terms = terms;
  }

  /** Of the criteria, in the order of the values of a candidate. */
  get names(): string[] {
    return this.#terms.map(({ criterion }) => criterion.name);
  }

  /** The order of every list, none of which depends on the others. */
  async select(lists: readonly CandidateList[], control: SelectionControl = {}): Promise<SelectedList[]> {
    const valuations: { readonly term: WeightedCriterion; readonly lists: readonly Valuation[] }[] = [];
    for (const term of this.#terms) {
      control.signal?.throwIfAborted();
      const valued = await term.criterion.valuations(lists, control);
      requireValuations(term.criterion.name, lists, valued);
      valuations.push({ term, lists: valued });
    }
    return lists.map((list, index) =>
      ranked(
        list,
        valuations.map(({ term, lists: valued }) => ({ ...term, ...(valued[index] as Valuation) })),
      ),
    );
  }
}

function ranked({ candidates }: CandidateList, valuations: readonly (WeightedCriterion & Valuation)[]): SelectedList {
  const ranking = candidates.map((_, index) => {
    const values = Object.fromEntries(valuations.map(({ criterion, values: of }) => [criterion.name, of[index] as number]));
    const value = valuations.reduce((sum, { weight, values: of }) => sum + weighed(weight, of[index] as number), 0);
    return { index, value, values };
  });
  const own = (index: number) => candidates[index]?.score ?? 0;
  ranking.sort((a, b) => descending(a.value, b.value) || descending(own(a.index), own(b.index)) || a.index - b.index);
  return { ranking, cost: totalCost(valuations.map(({ cost }) => cost)) };
}

/** What must not be chosen (-Infinity) is so with a negative weight too, and counts nothing with a weight of 0. */
function weighed(weight: number, value: number): number {
  if (weight === 0) return 0;
  return value === Number.NEGATIVE_INFINITY ? value : weight * value;
}

/** Criteria may be of the user's own. */
function requireValuations(name: string, lists: readonly CandidateList[], valued: readonly (Valuation | undefined)[]): void {
  const odd = lists.findIndex(({ candidates }, index) => {
    const values = Array.from(valued[index]?.values ?? []);
    return values.length !== candidates.length || values.some((value) => typeof value !== 'number' || Number.isNaN(value));
  });
  if (odd < 0) return;
  throw new DecadeError('usage', {
    where: name,
    received: `${shownValue(Array.from(valued[odd]?.values ?? []))} for ${counted(lists[odd]?.candidates.length ?? 0, 'candidate')}`,
    allowed: 'valuations of all lists, with a number for each candidate',
  });
}

/** Of two infinities the difference is no number. */
function descending(a: number, b: number): number {
  return a === b ? 0 : b - a;
}

export function totalCost(costs: Iterable<SelectionCost>): SelectionCost {
  let [evaluations, operations, seconds] = [0, 0, 0];
  for (const cost of costs) {
    evaluations += cost.evaluations;
    operations += cost.operations;
    seconds += cost.seconds;
  }
  return { evaluations, operations, seconds };
}
