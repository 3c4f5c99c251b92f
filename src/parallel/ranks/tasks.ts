import type { LentRanks } from '../runtime.js';
import { linksTo } from './rank-devices.js';

/**
 * Has another rank do a task. When the signal aborts, the rank ends it, and this rejects with the signal's reason.
 *
 * @throws DecadeError `resource` for a rank that is gone; else what the rank refuses the task for
 */
export async function doneByRank(lent: LentRanks, rank: number, task: unknown, signal?: AbortSignal): Promise<unknown> {
  const link = linksTo(lent, () => undefined, 'what is done is kept: start all ranks again with the same command')[rank - 1];
  if (link === undefined) throw new RangeError(`there is no rank ${rank} beside this one`);
  const interrupt = () => link.tell({ kind: 'interrupt' });
  signal?.throwIfAborted();
  signal?.addEventListener('abort', interrupt);
  try {
    return (await link.ask('did', { kind: 'task', task })).result;
  } catch (error) {
    // What the rank says of being interrupted is of no interest.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}
