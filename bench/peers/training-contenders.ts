import { fileURLToPath } from 'node:url';
import { benchShape } from '../../src/analysis/cost/bench-shapes.js';
import type { BenchTrainResult } from '../../src/analysis/cost/bench-train.js';
import type { Measurement } from './comparison.js';
import { type Contender, patience, type Surroundings } from './contender.js';
import { installedPackages } from './packages.js';
import { NoResult, resultOf } from './program.js';
import { stateMiB, trainingJob } from './shapes.js';
import type { PythonWithTorch } from './torch.js';
import { describeKind, installedAllocators, torchContender, type TorchKind, torchKinds, torchName } from './torch-contender.js';

/** Everything that trains. Subjects are the shapes of `decade bench`. */
export function trainingContenders(surroundings: Surroundings): Contender[] {
  const { cores } = surroundings;
  const decade = (precision: string, devices: number, gemm?: string) => decadeTraining(surroundings, precision, devices, gemm);
  const counts = cores === 1 ? [1] : [1, cores];
  return [
    ...surroundings.pythons.flatMap((python) => [
      ...torchKinds(cores).map((kind) => torchTraining(surroundings, python, 'f32', kind)),
      torchTraining(surroundings, python, 'bf16', { processes: 1, allocators: [undefined, ...installedAllocators()], compiles: false }),
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
      return { ...result, stateMiB: stateMiB(benchShape(subject), devices), note: `${result.gemm}, ${result.kernels}` };
    },
  };
}

function torchTraining(surroundings: Surroundings, python: PythonWithTorch, precision: 'f32' | 'bf16', kind: TorchKind): Contender {
  const { role, suffix } = describeKind(kind);
  const { processes } = kind;
  const alone = `one process at its best setting${suffix === '-tcmalloc' ? ', with tcmalloc' : ''}`;
  return torchContender(surroundings, {
    ...{ python, kind },
    name: `${torchName(surroundings, python)}-${precision}${suffix}`,
    role: precision === 'f32' ? role : 'peer',
    description: `PyTorch, ${precision === 'f32' ? 'f32' : 'its own bf16 autocast'}, ${processes === 1 ? alone : `${processes} processes with a thread each (DistributedDataParallel)`}`,
    script: 'torch_training.py',
    what: `training in ${precision}`,
    job: (subject, brief) => trainingJob(subject, processes, precision, brief),
  });
}

function packageTraining({ node, sources, folder }: Surroundings, name: string, description: string): Contender {
  return {
    name,
    role: 'peer',
    description,
    async measure(subject, seconds) {
      const { model, targetVocabulary: vocabulary, sentences, length } = benchShape(subject);
      if (model.kind !== 'lstm') throw new NoResult('it trains LSTMs only');
      const { hidden, layers } = model;
      const packages = await installedPackages(sources, folder);
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
