import type { Measurement, Role } from './comparison.js';
import { type Contender, patience, type Surroundings } from './contender.js';
import { describeSetting, fastestSetting, type PythonWithTorch, runTorch, tcmalloc, type TorchSetting } from './torch.js';

/** A way of running PyTorch. */
export interface TorchKind {
  readonly processes: number;
  /** Of which the fastest is used; `undefined` is the C library's. */
  readonly allocators: readonly (string | undefined)[];
  /** Whether `torch.compile` is among what the fastest is looked for, where the network has a way to be compiled. */
  readonly compiles: boolean;
}

/** As people usually run it; with tcmalloc, which PyTorch's guide to tuning recommends; and as several processes. The last two may compile. */
export function torchKinds(cores: number): TorchKind[] {
  const faster = installedAllocators();
  return [
    { processes: 1, allocators: [undefined], compiles: false },
    ...faster.map((allocator) => ({ processes: 1, allocators: [allocator], compiles: true })),
    ...(cores === 1 ? [] : [{ processes: cores, allocators: [undefined, ...faster], compiles: true }]),
  ];
}

export function describeKind({ processes, allocators }: TorchKind): { role: Role; suffix: string } {
  if (processes > 1) return { role: 'peer', suffix: `-${processes}-processes` };
  return allocators.includes(undefined) ? { role: 'usual', suffix: '' } : { role: 'peer', suffix: '-tcmalloc' };
}

export function installedAllocators(): string[] {
  const path = tcmalloc();
  return path === undefined ? [] : [path];
}

/** `torch`, or with its version where there are several. */
export function torchName({ pythons }: Pick<Surroundings, 'pythons'>, { version }: PythonWithTorch): string {
  return pythons.length === 1 ? 'torch' : `torch-${version}`;
}

/** What PyTorch is to measure of a subject. */
export interface TorchJob {
  readonly options: { readonly [name: string]: string | number };
  /** Source and target tokens of an update; of a search those that it writes. */
  readonly words: number;
  /** Parameters, gradients and moments of one process; absent where there are no updates. */
  readonly stateMiB?: number | undefined;
  /** Whether it attends, for which there are two ways. */
  readonly attends: boolean;
  /** Whether its script can compile it. */
  readonly compiles: boolean;
}

/** Forward and backward of several layers, on few cores. */
const secondsToCompile = 300;

interface TorchMeasuring {
  readonly name: string;
  readonly role: Role;
  readonly description: string;
  readonly python: PythonWithTorch;
  readonly kind: TorchKind;
  /** Beside the sources; it measures with `torch_measuring.py`. */
  readonly script: string;
  /** Of what the best setting is kept, with the subject. */
  readonly what: string;
  /** `brief`: less of the same, to choose a setting by. */
  job(subject: string, brief: boolean): TorchJob;
}

/** PyTorch, measuring a shape at its fastest setting, which is looked for first. */
export function torchContender({ cores, sources, folder }: Surroundings, measuring: TorchMeasuring): Contender {
  const { name, role, description, python, kind, script, what } = measuring;
  const { processes, allocators, compiles } = kind;
  const settings = new Map<string, TorchSetting>();
  const run = async (setting: TorchSetting, { options, words, stateMiB }: TorchJob, seconds: number): Promise<Measurement> => {
    const given = { ...options, processes, seconds };
    const { stepMs, peakRssMiB } = await runTorch<{ stepMs: number; peakRssMiB: number }>(
      python.python,
      `${sources}/${script}`,
      setting,
      given,
      patience(seconds) + (setting.compiled === true ? secondsToCompile : 0),
    );
    return { wordsPerSecond: (1000 * words) / stepMs, peakRssMiB, stateMiB: stateMiB && processes * stateMiB };
  };
  return {
    name,
    role,
    description,
    async measure(subject, seconds) {
      const job = measuring.job(subject, false);
      const setting =
        settings.get(subject) ??
        (await fastestSetting(
          `${python.version} ${what} ${subject} ${processes} ${allocators.join(' ')}${compiles ? ' compiled' : ''}`,
          {
            threads: processes === 1 ? cores : 1,
            allocators,
            attentions: job.attends ? ['matmul', 'sdpa'] : [],
            compiles: compiles && job.compiles,
          },
          `${folder}/torch-settings.json`,
          async (tried, whole) => {
            const measured = whole ? job : measuring.job(subject, true);
            return (await run(tried, measured, Math.min(seconds, 1))).wordsPerSecond;
          },
        ));
      settings.set(subject, setting);
      return { ...(await run(setting, job, seconds)), note: describeSetting(setting) };
    },
  };
}
