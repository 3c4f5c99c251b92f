import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { NoResult, resultOf } from './program.js';

/** How PyTorch shares out its work: it and OpenBLAS keep pools of their own, and both guess the processor. */
export interface TorchSetting {
  /** `torch.set_num_threads` and OMP_NUM_THREADS. */
  readonly torch: number;
  /** OPENBLAS_NUM_THREADS. */
  readonly openblas: number;
  /** What OpenBLAS is told to take this processor for, where it is told. */
  readonly coreType?: string;
  /** The vector instructions of PyTorch's own kernels, where it is told. */
  readonly capability?: string;
  /** An allocator in the place of the C library's: the path of tcmalloc. */
  readonly allocator?: string;
  /** How a Transformer attends, where it is told: by products and a softmax, or by what PyTorch 2 has for it. */
  readonly attention?: 'matmul' | 'sdpa';
  /** Whether the network goes through `torch.compile`. */
  readonly compiled?: boolean;
}

/** Among what the fastest setting is looked for. */
export interface TorchChoices {
  readonly threads: number;
  /** Of which the first is tried with everything else: `undefined` is the C library's. */
  readonly allocators: readonly (string | undefined)[];
  /** Of which the first is tried with everything else. */
  readonly attentions?: readonly Required<TorchSetting>['attention'][];
  /** Whether `torch.compile` is tried, too. */
  readonly compiles?: boolean;
}

/** An interpreter with PyTorch. */
export interface PythonWithTorch {
  readonly python: string;
  /** As PyTorch gives it: `1.13.1`. */
  readonly version: string;
}

/** Every PyTorch there is, one interpreter per version, newest first: `wanted` alone when given. */
export function pythonsWithTorch(wanted: readonly string[] | undefined): PythonWithTorch[] | { missing: string } {
  const tried = wanted ?? ['python3', '/usr/bin/python3', 'python', ...installedPythons()];
  const found = new Map<string, PythonWithTorch>();
  for (const python of new Set(tried)) {
    const { status, stdout } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8', timeout: 60_000 });
    const version = stdout?.trim() ?? '';
    if (status === 0 && !found.has(version)) found.set(version, { python, version });
  }
  if (found.size > 0) return [...found.values()].sort((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }));
  return {
    missing: `no PyTorch in ${tried.join(', ')}: install it (Debian: apt-get install python3-torch), or name an interpreter with --python`,
  };
}

/** Where pyenv and virtual environments put interpreters. */
function installedPythons(): string[] {
  const folders = [join(homedir(), '.pyenv', 'versions'), join(homedir(), '.virtualenvs'), '.'];
  const environments = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []));
  return environments.map((environment) => join(environment, 'bin', 'python')).filter(existsSync);
}

/** Where Debian and Fedora put tcmalloc, which PyTorch's own guide to tuning recommends; undefined where it is not installed. */
export function tcmalloc(): string | undefined {
  const folders = [`/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, '/usr/lib64', '/usr/local/lib'];
  const names = ['libtcmalloc_minimal.so.4', 'libtcmalloc.so.4'];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(existsSync);
}

export function environmentOf({ torch, openblas, coreType, capability, allocator }: TorchSetting): NodeJS.ProcessEnv {
  return {
    OMP_NUM_THREADS: String(torch),
    MKL_NUM_THREADS: String(Math.max(torch, openblas)),
    OPENBLAS_NUM_THREADS: String(openblas),
    ...(coreType === undefined ? {} : { OPENBLAS_CORETYPE: coreType }),
    ...(capability === undefined ? {} : { ATEN_CPU_CAPABILITY: capability }),
    ...(allocator === undefined ? {} : { LD_PRELOAD: allocator }),
  };
}

export function describeSetting({ torch, openblas, coreType, capability, allocator, attention, compiled }: TorchSetting): string {
  return [
    `torch threads ${torch}`,
    `OpenBLAS threads ${openblas}`,
    ...(coreType === undefined ? [] : [`OPENBLAS_CORETYPE=${coreType}`]),
    ...(capability === undefined ? [] : [`ATEN_CPU_CAPABILITY=${capability}`]),
    ...(allocator === undefined ? [] : ['tcmalloc']),
    ...(attention === 'sdpa' ? ['scaled_dot_product_attention'] : []),
    ...(compiled === true ? ['torch.compile'] : []),
  ].join(', ');
}

/** Every way of sharing out the work that uses no more than so many threads at a time. */
export function threadSettings(threads: number): TorchSetting[] {
  const one = { torch: 1, openblas: 1 };
  if (threads === 1) return [one];
  return [{ torch: 1, openblas: threads }, { torch: threads, openblas: 1 }, { torch: threads, openblas: threads }, one];
}

/** What PyTorch and OpenBLAS may be told about this processor: nothing first. */
export function processorHints(flags: string): Pick<TorchSetting, 'coreType' | 'capability'>[] {
  const has = (flag: string) => flags.split(/\s+/).includes(flag);
  if (has('avx512bw')) return [{}, { coreType: 'SkylakeX' }, { coreType: 'SkylakeX', capability: 'avx512' }];
  if (has('avx2')) return [{}, { coreType: 'Haswell' }];
  return [{}];
}

/**
 * The fastest setting: first what to tell it of the processor, then the threads, then the other allocators, then the other ways to
 * attend. Each is tried for a moment, twice, of which the better counts; what was found is kept in `cache` under `key`. Whether it is worth
 * compiling depends on the size of a batch, so that is tried last and on the `whole` of what will be measured.
 */
export async function fastestSetting(
  key: string,
  {
    threads,
    allocators: [allocator, ...otherAllocators],
    attentions: [attention, ...otherAttentions] = [],
    compiles = false,
  }: TorchChoices,
  cache: string,
  speedOf: (setting: TorchSetting, whole?: 'whole') => Promise<number>,
): Promise<TorchSetting> {
  const known = readCache(cache);
  const place = `${cpus()[0]?.model ?? ''} ${key}`;
  const before = known[place];
  if (before !== undefined) return before;
  const using = (path: string | undefined) => (path === undefined ? {} : { allocator: path });
  const common = { ...using(allocator), ...(attention === undefined ? {} : { attention }) };
  const [first = { torch: 1, openblas: 1 }, ...others] = threadSettings(threads).map((setting) => ({ ...setting, ...common }));
  const hinted = await fastest(
    processorHints(processorFlags()).map((hints) => ({ ...first, ...hints })),
    speedOf,
  );
  const threaded = await fastest(
    others.map((other) => ({ ...hinted.setting, ...other })),
    speedOf,
    hinted,
  );
  const allocated = await fastest(
    otherAllocators.map((other) => ({ ...threaded.setting, ...using(other) })),
    speedOf,
    threaded,
  );
  // An older PyTorch has only one of them, and does not compile.
  const attended = await fastest(
    otherAttentions.map((other) => ({ ...allocated.setting, attention: other })),
    speedOf,
    allocated,
  );
  const compiled = [attended.setting, { ...attended.setting, compiled: true }];
  const { setting } = compiles ? await fastest(compiled, (tried) => speedOf(tried, 'whole')) : attended;
  mkdirSync(dirname(cache), { recursive: true });
  writeFileSync(cache, JSON.stringify({ ...readCache(cache), [place]: setting }, undefined, 2));
  return setting;
}

interface Tried {
  readonly setting: TorchSetting;
  readonly speed: number;
}

async function fastest(
  settings: readonly TorchSetting[],
  speedOf: (setting: TorchSetting) => Promise<number>,
  before?: Tried,
): Promise<Tried> {
  let best = before;
  let failure: unknown;
  // In turn, so that a moment when the machine was busy does not decide.
  for (const setting of [...settings, ...settings]) {
    try {
      const speed = await speedOf(setting);
      if (best === undefined || speed > best.speed) best = { setting, speed };
    } catch (error) {
      if (!(error instanceof NoResult)) throw error;
      failure = error;
    }
  }
  if (best === undefined) throw failure;
  return best;
}

function processorFlags(): string {
  const information = '/proc/cpuinfo';
  return existsSync(information) ? (/^flags\s*:(.*)$/m.exec(readFileSync(information, 'utf8'))?.[1] ?? '') : '';
}

function readCache(path: string): { readonly [key: string]: TorchSetting } {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { [key: string]: TorchSetting }) : {};
}

/** Runs one of the Python scripts beside the sources. */
export function runTorch<Result>(
  python: string,
  script: string,
  setting: TorchSetting,
  options: { readonly [name: string]: string | number },
  seconds: number,
): Promise<Result> {
  const attention = setting.attention === undefined ? {} : { attention: setting.attention };
  const compiled = setting.compiled === true ? { compiled: 1 } : {};
  const all = { ...options, ...attention, ...compiled, threads: setting.torch };
  return resultOf<Result>({
    command: python,
    arguments: [script, ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])],
    environment: environmentOf(setting),
    seconds,
  });
}
