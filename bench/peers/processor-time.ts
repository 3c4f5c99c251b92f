import { existsSync, readFileSync } from 'node:fs';

/** Processor time so far, in ticks of the system's clock. */
export interface ProcessorTime {
  /** Of all processes. */
  readonly busy: number;
  /** Busy or not. */
  readonly total: number;
  /** Of this process, and of the programs it ran to their end. */
  readonly own: number;
}

/** Undefined where the system does not tell as Linux does. */
export function processorTime(): ProcessorTime | undefined {
  if (!existsSync('/proc/stat') || !existsSync('/proc/self/stat')) return undefined;
  return parseProcessorTime(readFileSync('/proc/stat', 'utf8'), readFileSync('/proc/self/stat', 'utf8'));
}

/** From the texts of `/proc/stat` and `/proc/self/stat` (proc(5)). */
export function parseProcessorTime(system: string, self: string): ProcessorTime {
  // user, nice, system, idle, iowait, irq, softirq, steal
  const all = (system.split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const total = all.reduce((sum, ticks) => sum + ticks, 0);
  const waiting = (all[3] ?? 0) + (all[4] ?? 0);
  // After the name in brackets, which may hold anything, come fields 3 and on: utime, stime, cutime, cstime are 14 to 17.
  const own = self
    .slice(self.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  return { busy: total - waiting, total, own: own.reduce((sum, ticks) => sum + ticks, 0) };
}

/** The share of the machine that others used between two moments. */
export function usedByOthers(before: ProcessorTime, after: ProcessorTime): number {
  const others = after.busy - before.busy - (after.own - before.own);
  return Math.max(0, others / Math.max(1, after.total - before.total));
}
