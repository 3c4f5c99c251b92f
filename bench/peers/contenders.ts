import { fileURLToPath } from 'node:url';
import { benchShape } from '../../src/analysis/cost/bench-shapes.js';
import type { BenchTrainResult } from '../../src/analysis/cost/bench-train.js';
import type { Measurement } from './comparison.js';
import { installedPackages } from './packages.js';
import { NoResult, resultOf } from './program.js';
import { describeSetting, fastestSetting, runTorch, type TorchSetting } from './torch.js';

/** One of those that are compared. */
export interface Contender {
  readonly name: string;
  /** May stand as what others are compared with. */
  readonly baseline: boolean;
  readonly description: string;
  /**
   * Measures `subject` for so long.
   *
   * @throws NoResult when it cannot
   */
  measure(subject: string, seconds: number): Promise<Measurement>;
}

export interface Surroundings {
  /** Has PyTorch; or why there is none. */
  readonly python: { readonly python: string } | { readonly missing: string };
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
    torchTraining(surroundings, 'f32', 1),
    torchTraining(surroundings, 'bf16', 1),
    ...(cores === 1 ? [] : [torchTraining(surroundings, 'f32', cores)]),
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
    baseline: false,
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

function torchTraining(surroundings: Surroundings, precision: 'f32' | 'bf16', processes: number): Contender {
  const { python, cores, sources, folder } = surroundings;
  const settings = new Map<string, TorchSetting>();
  const run = async (subject: string, setting: TorchSetting, seconds: number, longest = Infinity) => {
    if ('missing' in python) throw new NoResult(python.missing);
    const shape = benchShape(subject);
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
    name: `torch-${precision}${processes === 1 ? '' : `-${processes}-processes`}`,
    // The promise is about one process at its best setting of threads.
    baseline: precision === 'f32' && processes === 1,
    description: `PyTorch, ${precision === 'f32' ? 'f32' : 'its own bf16 autocast'}, ${processes === 1 ? 'one process at its best setting of threads' : `${processes} processes with a thread each (DistributedDataParallel)`}`,
    async measure(subject, seconds) {
      if ('missing' in python) throw new NoResult(python.missing);
      const setting =
        settings.get(subject) ??
        (await fastestSetting(
          `training ${subject} ${precision} ${processes}`,
          processes === 1 ? cores : 1,
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
    baseline: false,
    description,
    async measure(subject, seconds) {
      const packages = await installedPackages(sources, folder);
      const { targetVocabulary: vocabulary, hidden, layers, sentences, length } = benchShape(subject);
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
