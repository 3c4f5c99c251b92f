import { setFlagsFromString } from 'node:v8';
import { type LoadedKernels, loadKernels } from '../tensor/kernels/load.js';
import { hasRelaxedSimd } from '../tensor/kernels/relaxed-simd.js';
import type { Memory } from '../tensor/memory.js';

/** The kernels, in the form that this version of Node runs fastest. All forms give the same results but for rounding. */
export async function openKernels(memory: Memory): Promise<LoadedKernels> {
  allowRelaxedSimd();
  // From V8 13 on (Node 24) the sums of six rows stay in registers.
  return loadKernels(memory, { tileRows: Number.parseInt(process.versions.v8, 10) >= 13 ? 6 : 4 });
}

/**
 * Node 20's engine, V8 11.3, knows relaxed SIMD as it was standardised and keeps it behind a flag, which the next version
 * dropped: fused multiply-add makes the kernels up to a third faster. To be called before kernels are loaded.
 */
export function allowRelaxedSimd(): void {
  if (!hasRelaxedSimd() && process.versions.v8.startsWith('11.3.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
