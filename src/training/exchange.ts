import type { Parameter } from '../nn/parameters.js';
import { type Share, shareOf } from './optimizer.js';

/** Of a learnt value's gradient, by its number: values [start, end), or a whole list of touched rows. */
export type SummedPart =
  | { readonly index: number; readonly kind: 'values'; readonly start: number; readonly end: number }
  | { readonly index: number; readonly kind: 'rows' };

/**
 * What one of several devices sums when their gradients are exchanged: its share of every dense gradient. A list of touched
 * rows is merged by one device; the tables take turns.
 */
export function partsToSum(learnt: readonly Pick<Parameter, 'size' | 'rules'>[], share: Share): SummedPart[] {
  return learnt.flatMap(({ size, rules }, index): SummedPart[] => {
    if (rules.gradient === 'rows') return index % share.parts === share.part ? [{ index, kind: 'rows' }] : [];
    return [{ index, kind: 'values', ...shareOf(size, share, 16) }];
  });
}
