import type { ForeignInterface } from '../foreign.js';

/** CLOCK_THREAD_CPUTIME_ID of <time.h>. */
const threadClock: Readonly<Partial<Record<NodeJS.Platform, number>>> = { linux: 3, darwin: 16 };

/**
 * Milliseconds that the processor has worked for this thread, in nanoseconds' steps: neighbours that take the processor away do not
 * count. The time of day where the system does not tell.
 */
export function processorClock(foreign: ForeignInterface): () => number {
  const id = threadClock[process.platform];
  const read = foreign.ofProcess('clock_gettime', 'int', ['int', 'uintptr_t']);
  if (id === undefined || read === undefined) return () => performance.now();
  // Seconds, then nanoseconds.
  const { address, view } = foreign.structure(16);
  return () => {
    read(id, address);
    return 1e3 * Number(view.getBigInt64(0, true)) + Number(view.getBigInt64(8, true)) / 1e6;
  };
}
