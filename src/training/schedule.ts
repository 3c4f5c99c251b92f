import * as z from 'zod';
import { interval, inUnitOf, type Interval, intervalsUntil, type Position } from './interval.js';

const lengthOf = (interval: Interval): number => ('steps' in interval ? interval.steps : interval.epochs);
const sameUnit = (a: Interval, b: Interval): boolean => 'steps' in a === 'steps' in b;

/** How the learning rate changes during training. */
export const scheduleOptions = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant').describe('Constant learning rate.') }),
  z
    .strictObject({
      kind: z.literal('halve').describe('Halve the rate at regular intervals (the paper, section 3.4).'),
      after: interval.meta({ description: 'First halving. The paper: 5 epochs.', example: { epochs: 5 } }),
      every: interval.meta({ description: 'Further halvings. The paper: 0.5 epochs.', example: { epochs: 0.5 } }),
    })
    .refine(({ after, every }) => sameUnit(after, every), { path: ['every'], message: 'must have the same unit as after' }),
  z.strictObject({
    kind: z.literal('inverse-square-root').describe('Linear warm-up, then decay as 1/√t (Vaswani et al. 2017, section 5.3).'),
    warmup: interval.meta({ description: 'Length of the warm-up.', example: { steps: 4000 } }),
  }),
  z
    .strictObject({
      kind: z.literal('cosine').describe('Cosine decay to 0, after an optional linear warm-up (Loshchilov and Hutter 2017, equation 5).'),
      warmup: interval.optional().meta({ description: 'Length of the warm-up. Default: none.', example: { epochs: 1 } }),
      over: interval.meta({ description: 'When the rate reaches 0, counted from the start; usually stop.', example: { epochs: 10 } }),
    })
    .superRefine(({ warmup, over }, context) => {
      if (warmup === undefined) return;
      const issue = (message: string) => context.addIssue({ code: 'custom', path: ['warmup'], message });
      if (!sameUnit(warmup, over)) issue('must have the same unit as over');
      else if (lengthOf(warmup) >= lengthOf(over)) issue('must be shorter than over');
    }),
]);
export type ScheduleOptions = z.output<typeof scheduleOptions>;

/** The learning rate of the update that leads from position `before` to position `after`. */
export function learningRateOf(schedule: ScheduleOptions, fullRate: number, before: Position, after: Position): number {
  switch (schedule.kind) {
    case 'constant':
      return fullRate;
    case 'halve': {
      const { position, length } = inUnitOf(schedule.after, before);
      const past = position - length;
      if (past < -1e-9) return fullRate;
      const since: Position = { steps: past, epochs: past };
      return fullRate * 0.5 ** (1 + intervalsUntil(schedule.every, since));
    }
    case 'inverse-square-root': {
      const { position, length } = inUnitOf(schedule.warmup, after);
      return fullRate * Math.min(position / length, Math.sqrt(length / position));
    }
    case 'cosine': {
      const { warmup, over } = schedule;
      const warm = warmup === undefined ? { position: 0, length: 0 } : inUnitOf(warmup, after);
      if (warm.position < warm.length) return fullRate * (warm.position / warm.length);
      const { position, length } = inUnitOf(over, before);
      const fraction = Math.min(1, Math.max(0, (position - warm.length) / (length - warm.length)));
      return (fullRate * (1 + Math.cos(Math.PI * fraction))) / 2;
    }
  }
}
