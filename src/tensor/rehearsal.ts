import { Scope } from './device.js';
import type { LoadedKernels } from './kernels/load.js';
import { type MatrixProduct, type MatrixProvider, productOf } from './matrix.js';
import { type Memory, MeasuredRoom } from './memory.js';
import { groupedAttention } from './operations/head-groups.js';

/**
 * Bytes that a computation will need in its arena, found by running it on a device that computes nothing. What it reads
 * of its tensors is missing, so its course may depend on shapes only.
 *
 * @param seen  is told of every product, and whether its right operand was packed
 */
export function rehearse(memory: Memory, compute: (scope: Scope) => void, seen: SeeProduct = idle): number {
  const room = new MeasuredRoom();
  compute(new Scope({ memory, kernels: idleKernels, matrix: idleMatrix(seen), groupedAttention }, room));
  return room.bytes;
}

export type SeeProduct = (product: MatrixProduct, packed: boolean) => void;

const idle = () => 0;
const idleKernels = new Proxy({} as LoadedKernels, { get: () => idle });

function idleMatrix(seen: SeeProduct): MatrixProvider {
  return {
    name: 'none',
    precision: 'f32',
    description: 'computes nothing',
    externalBytes: 0,
    multiply: (product) => seen(product, false),
    pack: (right) => ({ multiply: (product) => seen(productOf(right, product), true), release: idle }),
    dispose: idle,
  };
}
