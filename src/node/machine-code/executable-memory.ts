import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import type { ForeignInterface, Unavailable } from '../foreign.js';

/** Numbers of <sys/mman.h>. */
const readable = 1;
const writable = 2;
const executable = 4;
const privateMapping = 2;
const anonymousMapping: Readonly<Partial<Record<NodeJS.Platform, number>>> = { linux: 0x20, darwin: 0x1000 };

/** Where machine code lies that can be called; it stays as long as the process. */
export interface ExecutableMemory {
  readonly available: true;
  readonly address: number;
}

/**
 * The code where the processor may execute it, and nobody write. The thread that asks first makes it, for itself and all threads it
 * starts from then on: they come and go, and it stays.
 */
export function sharedExecutableMemory(
  foreign: Pick<ForeignInterface, 'ofProcess' | 'bytesAt'>,
  name: string,
  code: () => Uint8Array,
): ExecutableMemory | Unavailable {
  const key = `decade machine code: ${name}`;
  const known = getEnvironmentData(key);
  if (typeof known === 'number') return { available: true, address: known };
  const memory = executableMemory(foreign, code());
  if (memory.available) setEnvironmentData(key, memory.address);
  return memory;
}

/** A copy of the code that the processor may execute, and nobody write. */
export function executableMemory(
  foreign: Pick<ForeignInterface, 'ofProcess' | 'bytesAt'>,
  code: Uint8Array,
): ExecutableMemory | Unavailable {
  const anonymous = anonymousMapping[process.platform];
  const map = foreign.ofProcess('mmap', 'uintptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const protect = foreign.ofProcess('mprotect', 'int', ['uintptr_t', 'size_t', 'int']);
  if (process.arch !== 'x64' || anonymous === undefined || map === undefined || protect === undefined) {
    return { available: false, reason: `is not available for ${process.platform} on ${process.arch}` };
  }
  const address = map(0, code.length, readable | writable, privateMapping | anonymous, -1, 0);
  // MAP_FAILED is -1, here without its sign.
  if (address === 0 || address >= 2 ** 63) return { available: false, reason: 'the system does not provide memory for it' };
  foreign.bytesAt(address, code.length).set(code);
  if (protect(address, code.length, readable | executable) !== 0) {
    return { available: false, reason: 'the system does not allow run-time code generation' };
  }
  return { available: true, address };
}
