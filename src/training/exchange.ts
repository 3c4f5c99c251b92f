import type { Gradients, LearntParameter, Parameter } from '../nn/parameters.js';
import type { Device } from '../tensor/device.js';
import { TouchedRows } from '../tensor/touched-rows.js';
import { type Share, type Shares, shareOf } from './optimizer.js';

/** Of a learnt value's gradient, by its number: values [start, end), or a whole list of touched rows. */
export type SummedPart =
  | { readonly index: number; readonly kind: 'values'; readonly start: number; readonly end: number }
  | { readonly index: number; readonly kind: 'rows' };

/**
 * What one of several devices sums when their gradients are exchanged: its share of every dense gradient. A list of touched
 * rows is merged by one device; the tables take turns.
 */
export function partsToSum(learnt: readonly Pick<Parameter, 'size' | 'rules'>[], { values, rows }: Shares): SummedPart[] {
  return learnt.flatMap(({ size, rules }, index): SummedPart[] => {
    if (rules.gradient === 'rows') return index % rows.parts === rows.part ? [{ index, kind: 'rows' }] : [];
    return [{ index, kind: 'values', ...shareOf(size, values, 16) }];
  });
}

/**
 * Adds the gradients of several devices on one memory into those of the first, in their order, for a share; returns the sum
 * of squares of that share. What was added is left 0, lists of rows empty.
 */
export function sumGradients(device: Device, all: readonly Gradients[], share: Share): number {
  const { kernels } = device;
  const [first = [], ...others] = all.map((gradients) => [...gradients]);
  let squares = 0;
  for (const part of partsToSum(
    first.map(({ parameter }) => parameter),
    { values: share, rows: share },
  )) {
    const { gradient } = first[part.index] as LearntParameter;
    const addends = others.map((other) => other[part.index]?.gradient);
    if (gradient instanceof TouchedRows) {
      for (const rows of addends) if (rows instanceof TouchedRows) addRows(device, gradient, rows);
      squares += kernels.sumOfSquares(gradient.table.offset, gradient.table.size);
    } else if (part.kind === 'values') {
      const [offset, count] = [part.start * 4, part.end - part.start];
      let ofParameter: number | undefined;
      for (const addend of addends) {
        if (addend === undefined || addend instanceof TouchedRows) continue;
        ofParameter = kernels.moveGradient(gradient.offset + offset, addend.offset + offset, count);
      }
      squares += ofParameter ?? kernels.sumOfSquares(gradient.offset + offset, count);
    }
  }
  return squares;
}

/** Adds a list of touched rows to another, and leaves it empty. */
export function addRows({ kernels }: Device, sum: TouchedRows, addend: TouchedRows): void {
  const room = sum.reserve(addend.count);
  const { touched, table, count, columns } = addend;
  sum.count = kernels.addToTouchedRows(room.table, room.touched, sum.count, sum.slots.offset, touched.offset, table.offset, count, columns);
  addend.clear();
}
