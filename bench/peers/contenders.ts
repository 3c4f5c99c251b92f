import { fileURLToPath } from 'node:url';
import { recurrentShape } from '../../src/analysis/cost/bench-shapes.js';
import type { BenchTrainResult } from '../../src/analysis/cost/bench-train.js';
import type { Measurement, Role } from './comparison.js';
import { installedPackages } from './packages.js';
import { NoResult, resultOf } from './program.js';
import { describeSetting, fastestSetting, type PythonWithTorch, runTorch, tcmalloc, type TorchSetting } from './torch.js';

/** One of those that are compared. */
export interface Contender {
  readonly name: string;
  readonly role: Role;
  readonly description: string;
  /**
   * Measures `subject` for so long.
   *
   * @throws NoResult when it cannot
   */
  measure(subject: string, seconds: number): Promise<Measurement>;
}

export interface Surroundings {
  /** One for each version of PyTorch, newest first. */
  readonly pythons: readonly PythonWithTorch[];
  /** The Node that runs decade. */
  readonly node: string;
  readonly cores: number;
  /** The folder with the sources of the peers: this one. */
  readonly sources: string;
  /** Where packages are installed, and what was found out is kept. */
  readonly folder: string;
}

/** A contender that hangs must not hold up the others. */
export const patience = (seconds: number) => 120 + 6 * seconds;

/** Everything that trains. Subjects are the shapes of `decade bench`. */
export function trainingContenders(surroundings: Surroundings): Contender[] {
  const { cores } = surroundings;
  const decade = (precision: string, devices: number, gemm?: string) => decadeTraining(surroundings, precision, devices, gemm);
  const counts = cores === 1 ? [1] : [1, cores];
  return [
    ...surroundings.pythons.flatMap((python) => [
      ...torchKinds(cores).map((kind) => torchTraining(surroundings, python, 'f32', kind)),
      torchTraining(surroundings, python, 'bf16', { processes: 1, allocators: [undefined, ...installedAllocators()] }),
    ]),
    ...counts.map((devices) => decade('f32', devices)),
    ...counts.map((devices) => decade('bf16', devices)),
    ...['avx512', 'avx2', 'webassembly'].flatMap((gemm) => counts.map((devices) => decade('f32', devices, gemm))),
    packageTraining(
      surroundings,
      'tensorflow-js',
      'TensorFlow.js on WebAssembly, one thread; embeddings frozen: it has no gradient for them there',
    ),
    packageTraining(surroundings, 'jax-js', 'jax-js on WebAssembly, one thread: Node has not the workers that it shares work with'),
  ];
}

function decadeTraining({ node }: Surroundings, precision: string, devices: number, gemm: string | undefined): Contender {
  return {
    name: ['decade', gemm ?? precision, devices].join('-'),
    role: 'decade',
    description: `decade, ${precision}, ${gemm ?? 'the fastest matrix library here'}, ${devices} ${devices === 1 ? 'device' : 'devices'}`,
    async measure(subject, seconds) {
      const result = await resultOf<BenchTrainResult>({
        command: node,
        arguments: [
          fileURLToPath(new URL('../../src/cli/main.js', import.meta.url)),
          ...['bench', 'train', '--config', subject, '--devices', String(devices), '--precision', precision],
          ...['--seconds', String(seconds), '--json', ...(gemm === undefined ? [] : ['--gemm', gemm])],
        ],
        seconds: patience(seconds),
      });
      if (result.precision !== precision) throw new NoResult(result.warning ?? `no ${precision} here`);
      return { ...result, note: `${result.gemm}, ${result.kernels}` };
    },
  };
}

/** `torch`, or with its version where there are several. */
export function torchName({ pythons }: Surroundings, { version }: PythonWithTorch): string {
  return pythons.length === 1 ? 'torch' : `torch-${version}`;
}

/** A way of running PyTorch. */
export interface TorchKind {
  readonly processes: number;
  /** Of which the fastest is used; `undefined` is the C library's. */
  readonly allocators: readonly (string | undefined)[];
}

/** As people usually run it; with tcmalloc, which PyTorch's guide to tuning recommends; and as several processes. */
export function torchKinds(cores: number): TorchKind[] {
  const faster = installedAllocators();
  return [
    { processes: 1, allocators: [undefined] },
    ...faster.map((allocator) => ({ processes: 1, allocators: [allocator] })),
    ...(cores === 1 ? [] : [{ processes: cores, allocators: [undefined, ...faster] }]),
  ];
}

export function describeKind({ processes, allocators }: TorchKind): { role: Role; suffix: string } {
  if (processes > 1) return { role: 'peer', suffix: `-${processes}-processes` };
  return allocators.includes(undefined) ? { role: 'usual', suffix: '' } : { role: 'peer', suffix: '-tcmalloc' };
}

function installedAllocators(): string[] {
  const path = tcmalloc();
  return path === undefined ? [] : [path];
}

function torchTraining(surroundings: Surroundings, python: PythonWithTorch, precision: 'f32' | 'bf16', kind: TorchKind): Contender {
  const { cores, sources, folder } = surroundings;
  const { processes, allocators } = kind;
  const { role, suffix } = describeKind(kind);
  const settings = new Map<string, TorchSetting>();
  const run = async (subject: string, setting: TorchSetting, seconds: number, longest = Infinity) => {
    const shape = recurrentShape(subject);
    const { targetVocabulary: vocabulary, hidden, layers, sentences } = shape;
    const length = Math.min(longest, shape.length);
    return runTorch<Measurement>(
      python.python,
      `${sources}/torch_training.py`,
      setting,
      { vocabulary, hidden, layers, sentences, length, precision, processes, seconds },
      patience(seconds),
    );
  };
  return {
    name: `${torchName(surroundings, python)}-${precision}${suffix}`,
    role: precision === 'f32' ? role : 'peer',
    description: `PyTorch, ${precision === 'f32' ? 'f32' : 'its own bf16 autocast'}, ${processes === 1 ? `one process at its best setting of threads${suffix === '-tcmalloc' ? ', with tcmalloc' : ''}` : `${processes} processes with a thread each (DistributedDataParallel)`}`,
    async measure(subject, seconds) {
      const setting =
        settings.get(subject) ??
        (await fastestSetting(
          `${python.version} training ${subject} ${precision} ${processes} ${allocators.join(' ')}`,
          processes === 1 ? cores : 1,
          allocators,
          `${folder}/torch-settings.json`,
          // Short sentences have products of the same shapes, only fewer.
          async (tried) => (await run(subject, tried, Math.min(seconds, 1), 5)).wordsPerSecond,
        ));
      settings.set(subject, setting);
      return { ...(await run(subject, setting, seconds)), note: describeSetting(setting) };
    },
  };
}

function packageTraining({ node, sources, folder }: Surroundings, name: string, description: string): Contender {
  return {
    name,
    role: 'peer',
    description,
    async measure(subject, seconds) {
      const packages = await installedPackages(sources, folder);
      const { targetVocabulary: vocabulary, hidden, layers, sentences, length } = recurrentShape(subject);
      return resultOf<Measurement>({
        command: node,
        arguments: [
          `${sources}/${name}-training.mjs`,
          JSON.stringify({ packages, vocabulary, hidden, layers, sentences, length, seconds }),
        ],
        seconds: patience(seconds),
      });
    },
  };
}
