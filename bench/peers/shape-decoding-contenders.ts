import { fileURLToPath } from 'node:url';
import type { BenchTranslateResult } from '../../src/analysis/cost/bench-translate.js';
import { type Contender, patience, type Surroundings } from './contender.js';
import { NoResult, resultOf } from './program.js';
import { decodingShapeJob } from './shapes.js';
import { describeKind, torchContender, torchKinds, torchName } from './torch-contender.js';

export const shapeDecodingSubject = (shape: string, beam: number) => `${shape}, ${beam === 1 ? 'greedy' : `beam ${beam}`}`;

function parsed(subject: string): { shape: string; beam: number } {
  const [shape = '', search = ''] = subject.split(', ');
  return { shape, beam: search === 'greedy' ? 1 : Number(search.replace('beam ', '')) };
}

/** Everything that translates with random weights, every translation of full length. Subjects are those of `shapeDecodingSubject`. */
export function shapeDecodingContenders(surroundings: Surroundings): Contender[] {
  const { cores, pythons, node } = surroundings;
  return [
    ...pythons.flatMap((python) =>
      torchKinds(cores).map((kind) => {
        const { role, suffix } = describeKind(kind);
        const { processes } = kind;
        const alone = `one process at its best setting${suffix === '-tcmalloc' ? ', with tcmalloc' : ''}`;
        return torchContender(surroundings, {
          ...{ python, kind, role },
          name: `${torchName(surroundings, python)}${suffix}`,
          description: `PyTorch, ${processes === 1 ? alone : `${processes} processes with a thread each, which share out the sentences`}`,
          script: 'torch_shape_decoding.py',
          what: 'decoding of',
          job(subject, brief) {
            const { shape, beam } = parsed(subject);
            const job = decodingShapeJob(shape, processes, beam, brief);
            if (job === undefined) throw new NoResult('it decodes Transformers with an encoder only');
            return job;
          },
        });
      }),
    ),
    ...(cores === 1 ? [1] : [1, cores]).map(
      (devices): Contender => ({
        name: `decade-${devices}`,
        role: 'decade',
        description: `decade bench translate on ${devices} ${devices === 1 ? 'device' : 'devices'}, a batch on each`,
        async measure(subject, seconds) {
          const { shape, beam } = parsed(subject);
          const { targetTokensPerSecond, sentencesPerSecond, peakRssMiB, gemm, kernels } = await resultOf<BenchTranslateResult>({
            command: node,
            arguments: [
              fileURLToPath(new URL('../../src/cli/main.js', import.meta.url)),
              ...['bench', 'translate', '--config', shape, '--beam', String(beam), '--devices', String(devices)],
              ...['--seconds', String(Math.max(0.1, seconds)), '--json'],
            ],
            seconds: patience(seconds),
          });
          return { wordsPerSecond: targetTokensPerSecond, sentencesPerSecond, peakRssMiB, note: `${gemm}, ${kernels}` };
        },
      }),
    ),
  ];
}
