import { DecadeError } from '../../core/errors.js';
import type { Memory } from '../memory.js';
import type { Kernels } from './kernels.js';
import { hasRelaxedSimd } from './relaxed-simd.js';

/** The four builds of one source: for a shared or a plain memory, with or without relaxed SIMD. */
export type KernelVariant = 'plain' | 'plain-relaxed' | 'shared' | 'shared-relaxed';

export interface LoadedKernels extends Kernels {
  readonly variant: KernelVariant;
}

export interface LoadKernelsOptions {
  /** Relaxed SIMD (fused multiply-add): `auto` uses it where the runtime has it. Default `auto`. */
  relaxed?: boolean | 'auto';
  /** Rows of a tile of a matrix product: 6 is faster where the engine holds 15 vectors in registers, slower elsewhere. Default 4. */
  tileRows?: 4 | 6;
}

/** Modules in base64. A platform names those that it may need, so that a bundle holds no others. */
export type KernelBuilds = { readonly [Variant in KernelVariant]?: () => Promise<{ readonly webAssembly: string }> };

const unsharedBuilds: KernelBuilds = {
  plain: () => import('./generated/plain.js'),
  'plain-relaxed': () => import('./generated/plain-relaxed.js'),
};

const sharedBuilds: KernelBuilds = {
  shared: () => import('./generated/shared.js'),
  'shared-relaxed': () => import('./generated/shared-relaxed.js'),
};

/**
 * The kernels bound to a memory.
 *
 * @throws DecadeError `resource` when relaxed SIMD is demanded and the runtime lacks it
 */
export function loadKernels(memory: Memory, options?: LoadKernelsOptions): Promise<LoadedKernels> {
  return loadKernelsOf(memory.shared ? sharedBuilds : unsharedBuilds, memory, options);
}

/** Each module is compiled once a thread. */
const modules = new Map<KernelVariant, Promise<WebAssembly.Module>>();

/** As `loadKernels`, from builds of which one is for such a memory. */
export async function loadKernelsOf(builds: KernelBuilds, memory: Memory, options: LoadKernelsOptions = {}): Promise<LoadedKernels> {
  const { relaxed = 'auto', tileRows = 4 } = options;
  const available = hasRelaxedSimd();
  if (relaxed === true && !available) {
    throw new DecadeError('resource', {
      where: 'kernels',
      received: 'relaxed SIMD, which this JavaScript runtime does not support',
      next: 'use Node 22 or later, or `auto`',
    });
  }
  const suffix = (relaxed === 'auto' ? available : relaxed) ? '-relaxed' : '';
  const variant: KernelVariant = `${memory.shared ? 'shared' : 'plain'}${suffix}`;
  const build = builds[variant];
  if (build === undefined) throw new Error(`no build of the kernels for ${variant}`);
  const module = modules.get(variant) ?? build().then(({ webAssembly }) => WebAssembly.compile(bytesOf(webAssembly)));
  modules.set(variant, module);
  const instance = await WebAssembly.instantiate(await module, { env: { memory: memory.webAssembly } });
  const { prepare, useTileRows, ...kernels } = instance.exports as unknown as Kernels & {
    prepare(): void;
    useTileRows(rows: number): void;
  };
  prepare();
  useTileRows(tileRows);
  return { ...kernels, variant };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
