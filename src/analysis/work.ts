import { turns } from '../core/event-loop.js';

/** How far a long piece of work is. */
export interface WorkProgress {
  /** What is being done: `translating`. */
  readonly label: string;
  /** Between 0 and 1; undefined when the end is not known. */
  readonly fraction: number | undefined;
  /** What can be said besides: `120,000 pairs`. */
  readonly figures?: readonly string[];
}

/** How work can be watched and ended. */
export interface WorkControl {
  /** Ends the work by throwing its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined;
}

/** Does something for every number below `count`, letting signals and timers through and telling how far it is. */
export async function forEach(
  label: string,
  count: number,
  { signal, onProgress }: WorkControl,
  work: (index: number) => void,
): Promise<void> {
  const turn = turns();
  for (let index = 0; index < count; index++) {
    work(index);
    const otherTasks = turn();
    if (otherTasks === undefined) continue;
    await otherTasks;
    signal?.throwIfAborted();
    onProgress?.({ label, fraction: (index + 1) / count });
  }
}
