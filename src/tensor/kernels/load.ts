import { DecadeError } from '../../core/errors.js';
import type { Memory } from '../memory.js';
import type { Kernels } from './kernels.js';
import { hasRelaxedSimd } from './relaxed-simd.js';

/** For a shared or a plain memory, with or without relaxed SIMD. */
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
 * A module in hexadecimal, for a plain memory, and the position of the byte that says so. It may lack kernels that its platform never
 * calls: `decoding-plain` and `decoding-relaxed` lack those of training.
 */
export interface KernelBuild {
  readonly webAssembly: string;
  readonly memoryFlags: number;
}

/** Builds of one source. A platform names those that it may need, so that a bundle holds no others. */
export interface KernelBuilds {
  readonly plain?: () => Promise<KernelBuild>;
  readonly relaxed?: () => Promise<KernelBuild>;
}

const allBuilds: KernelBuilds = {
  plain: () => import('./generated/plain.js'),
  relaxed: () => import('./generated/relaxed.js'),
};

/**
 * The kernels bound to a memory.
 *
 * @throws DecadeError `resource` when relaxed SIMD is demanded and the runtime lacks it
 */
export function loadKernels(memory: Memory, options?: LoadKernelsOptions): Promise<LoadedKernels> {
  return loadKernelsOf(allBuilds, memory, options);
}

type Build = () => Promise<KernelBuild>;

/** Each module is compiled once a thread. */
const modules = { plain: new Map<Build, Promise<WebAssembly.Module>>(), shared: new Map<Build, Promise<WebAssembly.Module>>() };

/** As `loadKernels`, from a platform's own builds. */
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
  const isRelaxed = relaxed === 'auto' ? available && builds.relaxed !== undefined : relaxed;
  const variant: KernelVariant = `${memory.shared ? 'shared' : 'plain'}${isRelaxed ? '-relaxed' : ''}`;
  const build = isRelaxed ? builds.relaxed : builds.plain;
  if (build === undefined) throw new Error(`no build of the kernels for ${variant}`);
  const compiled = memory.shared ? modules.shared : modules.plain;
  const module = compiled.get(build) ?? build().then((built) => WebAssembly.compile(moduleFor(memory, built)));
  compiled.set(build, module);
  const instance = await WebAssembly.instantiate(await module, { env: { memory: memory.webAssembly } });
  const { prepare, useTileRows, ...kernels } = instance.exports as unknown as Kernels & {
    prepare(): void;
    useTileRows(rows: number): void;
  };
  prepare();
  useTileRows(tileRows);
  return { ...kernels, variant };
}

/** Flags of the limits of an imported memory: one with a maximum, one that is shared as well. */
const flags = { maximum: 1, shared: 3 } as const;

/** No kernel does anything atomically: all that a module for a shared memory has of its own is a flag. */
function moduleFor({ shared }: Memory, { webAssembly, memoryFlags }: KernelBuild): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(webAssembly.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(webAssembly.slice(2 * at, 2 * at + 2), 16);
  bytes[memoryFlags] = shared ? flags.shared : flags.maximum;
  return bytes;
}
