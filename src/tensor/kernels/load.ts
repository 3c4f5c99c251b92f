import { DecadeError } from '../../core/errors.js';
import type { Memory } from '../memory.js';
import type { Kernels } from './kernels.js';

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

/**
 * A module of one function that uses f32x4.relaxed_madd: header; type () -> v128; function; code
 * `i32.const 0, i8x16.splat` three times, `f32x4.relaxed_madd`.
 */
const relaxedProbe = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x13, 0x01, 0x11, 0x00],
  ...[0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f, 0x41, 0x00, 0xfd, 0x0f],
  ...[0xfd, 0x85, 0x02, 0x0b],
);

/** Whether this runtime has relaxed SIMD: Node 22 and later, current browsers. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(relaxedProbe);
}

/** Each module is compiled once a thread. */
const modules = new Map<KernelVariant, Promise<WebAssembly.Module>>();

/**
 * The kernels bound to a memory.
 *
 * @throws DecadeError `resource` when relaxed SIMD is demanded and the runtime lacks it
 */
export async function loadKernels(memory: Memory, options: LoadKernelsOptions = {}): Promise<LoadedKernels> {
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
  const module = modules.get(variant) ?? readText(variant).then((text) => WebAssembly.compile(bytesOf(text)));
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

async function readText(variant: KernelVariant): Promise<string> {
  switch (variant) {
    case 'plain':
      return (await import('./generated/plain.js')).webAssembly;
    case 'plain-relaxed':
      return (await import('./generated/plain-relaxed.js')).webAssembly;
    case 'shared':
      return (await import('./generated/shared.js')).webAssembly;
    case 'shared-relaxed':
      return (await import('./generated/shared-relaxed.js')).webAssembly;
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
