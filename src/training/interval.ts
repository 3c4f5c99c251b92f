import * as z from 'zod';

/** A length of training, with its unit. */
export type Interval = { readonly steps: number } | { readonly epochs: number };

/** How far training has come: updates, and epochs including the fraction of the current one. */
export interface Position {
  readonly steps: number;
  readonly epochs: number;
}

/** `{ steps: 1000 }` or `{ epochs: 0.5 }`. */
export const interval = z
  .strictObject({ steps: z.int().min(1).optional(), epochs: z.number().positive().optional() })
  .transform(({ steps, epochs }, context): Interval => {
    if (steps !== undefined && epochs === undefined) return { steps };
    if (epochs !== undefined && steps === undefined) return { epochs };
    // An unknown key has been reported already.
    if (context.issues.length === 0)
      context.addIssue({ code: 'custom', message: 'needs one unit: { steps: NUMBER } or { epochs: NUMBER }' });
    return z.NEVER;
  });

/** Tolerance for rounding in sums of epoch fractions; far below one update of any corpus. */
const epochRounding = 1e-9;

/** How many whole intervals lie between the start of training and a position. */
export function intervalsUntil(every: Interval, position: Position): number {
  if ('steps' in every) return Math.floor(position.steps / every.steps);
  return Math.floor(position.epochs / every.epochs + epochRounding);
}

/** Whether an interval ends between two positions. Depends on nothing before, so a resumed run does the same. */
export function isDue(every: Interval, before: Position, after: Position): boolean {
  return intervalsUntil(every, after) > intervalsUntil(every, before);
}

/** A position in the unit of an interval. */
export function inUnitOf(unit: Interval, position: Position): { position: number; length: number } {
  return 'steps' in unit ? { position: position.steps, length: unit.steps } : { position: position.epochs, length: unit.epochs };
}
