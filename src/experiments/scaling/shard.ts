import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import type { OwnTrainings } from '../carry-out.js';
import type { Train } from '../steps.js';
import { effortOf, type ScalingRuns } from './runs.js';

/** One of several processes that share a plan. */
export const shardOptions = z
  .strictObject({ index: z.int().min(1), of: z.int().min(1).max(10_000) })
  .refine(({ index, of }) => index <= of, { path: ['index'], message: 'must be at most `of`' });
export type Shard = z.output<typeof shardOptions>;

/** `2/8`: the second of eight. Throws `usage` for anything else. */
export function shardNamed(text: string): Shard {
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const parsed = shardOptions.safeParse({ index: Number(index), of: Number(of) });
  if (parsed.success) return parsed.data;
  throw new DecadeError('usage', {
    where: '--shard',
    received: text,
    allowed: 'I/N, such as 2/8: the second of eight shares',
    next: 'in a job array of eight: --shard $SLURM_ARRAY_TASK_ID/8, numbered from 1',
  });
}

/**
 * The trainings of a share, of the runs before the predictions and of those after them: the most laborious first, each to the share
 * that has least to do so far. What is done counts as well, so that a training stays in its share whenever this is asked.
 */
export function shareOf({ index, of }: Shard, { known, predicted }: ScalingRuns): OwnTrainings {
  const own = new Set<Train>();
  for (const runs of [known, predicted]) {
    const loads = Array.from({ length: of }, () => 0);
    for (const run of [...runs].sort((one, other) => effortOf(other) - effortOf(one))) {
      const least = loads.indexOf(Math.min(...loads));
      loads[least] = (loads[least] as number) + effortOf(run);
      if (least === index - 1) own.add(run.training);
    }
  }
  return own;
}
