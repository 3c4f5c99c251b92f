import { readFileSync } from 'node:fs';

/** Bytes of addresses that this process can still take; undefined where the system sets no limit (`ulimit -v`), or does not tell. */
export function remainingAddresses(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const limit = /^Max address space\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    const used = /^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return limit === undefined || used === undefined ? undefined : Math.max(0, Number(limit) - 1024 * Number(used));
  } catch {
    return undefined;
  }
}
