import { DecadeError } from '../core/errors.js';
import { remainingAddresses } from './address-space.js';
import { ForeignInterface } from './foreign.js';
import { Memory, mebibytes } from '../tensor/memory.js';

/** Of limited addresses, the part that a memory may take: threads, their code and packed weights need the rest. */
const share = 1 / 2;

/** Below this, Node itself soon ends for want of addresses, without a word that helps. */
const leastAddresses = 384 * 1024 ** 2;

/** Node frees a memory when its garbage collector happens to find it. So those that were released are used again. */
const released: Memory[] = [];

/**
 * A memory that threads can share; its contents are unspecified.
 *
 * @throws DecadeError `resource` when the process has no addresses for it
 */
export function newMemory(): Memory {
  const memory = released.pop();
  if (memory !== undefined) return memory;
  const addresses = remainingAddresses();
  if (addresses !== undefined && addresses < leastAddresses) {
    throw new DecadeError('resource', {
      where: 'memory',
      received: `${mebibytes(addresses)} of address space left (\`ulimit -v\`)`,
      allowed: `at least ${mebibytes(leastAddresses)}`,
      next: 'raise the limit',
    });
  }
  return new Memory({ shared: true, ...(addresses !== undefined && { maximumBytes: share * addresses }) });
}

/** Ends a memory that no thread uses any more; the system gets its pages back. */
export async function releaseMemory(memory: Memory): Promise<void> {
  const bytes = memory.reset();
  const foreign = await ForeignInterface.load();
  if (foreign instanceof ForeignInterface) foreign.discard(bytes);
  released.push(memory);
}
