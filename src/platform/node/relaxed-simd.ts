import { setFlagsFromString } from 'node:v8';
import { hasRelaxedSimd } from '../../tensor/kernels/load.js';

/**
 * Node 20's engine, V8 11.3, knows relaxed SIMD as it was standardised and keeps it behind a flag, which the next version
 * dropped: fused multiply-add makes the kernels up to a third faster. To be called before kernels are loaded.
 */
export function allowRelaxedSimd(): void {
  if (!hasRelaxedSimd() && process.versions.v8?.startsWith('11.3.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
