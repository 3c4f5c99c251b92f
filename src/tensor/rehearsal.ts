import { Scope } from './device.js';
import type { LoadedKernels } from './kernels/load.js';
import type { MatrixProvider } from './matrix.js';
import { type Memory, MeasuredRoom } from './memory.js';

/**
 * Bytes that a computation will need in its arena, found by running it on a device that computes nothing. What it reads
 * of its tensors is missing, so its course may depend on shapes only.
 */
export function rehearse(memory: Memory, compute: (scope: Scope) => void): number {
  const room = new MeasuredRoom();
  compute(new Scope({ memory, kernels: idleKernels, matrix: idleMatrix }, room));
  return room.bytes;
}

const idle = () => 0;
const idleKernels = new Proxy({} as LoadedKernels, { get: () => idle });

const idleMatrix: MatrixProvider = {
  name: 'none',
  precision: 'f32',
  description: 'computes nothing',
  externalBytes: 0,
  multiply: idle,
  pack: () => ({ multiply: idle, release: idle }),
  dispose: idle,
};
