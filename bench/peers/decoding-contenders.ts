import { fileURLToPath } from 'node:url';
import type { Measurement } from './comparison.js';
import { type Contender, patience, type Surroundings } from './contender.js';
import { type DecodingJob, readLines, writeDecodingJob } from './decoding-job.js';
import { resultOf } from './program.js';
import { describeSetting, fastestSetting, type PythonWithTorch, runTorch, type TorchSetting } from './torch.js';
import { describeKind, type TorchKind, torchKinds, torchName } from './torch-contender.js';

/** What is translated by whom. */
export interface DecodingTask {
  readonly run: string;
  readonly input: string;
  readonly sentences: number;
}

interface FoundTranslation {
  readonly ids: readonly number[];
  readonly logProbability: number;
}

interface DecodingResult extends Measurement {
  readonly translations: readonly FoundTranslation[];
}

export const decodingSubject = (beam: number) => (beam === 1 ? 'greedy' : `beam ${beam}`);
const beamOf = (subject: string) => (subject === 'greedy' ? 1 : Number(subject.replace('beam ', '')));

/** Everything that translates with the weights of one run. Subjects are those of `decodingSubject`. */
export function decodingContenders(surroundings: Surroundings, task: DecodingTask): Contender[] {
  const { cores, folder } = surroundings;
  const jobPath = (subject: string) => `${folder}/decoding-job-${beamOf(subject)}.json`;
  const written = new Map<string, Promise<DecodingJob>>();
  const job = (subject: string) => {
    const known =
      written.get(subject) ?? writeDecodingJob(task.run, readLines(task.input, task.sentences), beamOf(subject), jobPath(subject));
    written.set(subject, known);
    return known;
  };
  /** What each finds, so that all can be compared with the first. */
  const found = new Map<string, readonly FoundTranslation[]>();
  const judged = (subject: string, result: DecodingResult, translations: readonly FoundTranslation[], note: string): Measurement => {
    const first = found.get(subject) ?? translations;
    found.set(subject, first);
    const { translations: _, ...figures } = result;
    return {
      ...figures,
      note: first === translations ? note : [note, agreement(translations, first)].filter((text) => text !== '').join('; '),
    };
  };
  const counts = cores === 1 ? [1] : [1, cores];
  return [
    ...surroundings.pythons.flatMap((python) => {
      const torch = (threads: number, kind: TorchKind) => torchDecoding(surroundings, { python, threads, kind }, jobPath, job, judged);
      return torchKinds(cores).flatMap((kind) => (kind.processes === 1 ? counts.map((threads) => torch(threads, kind)) : [torch(1, kind)]));
    }),
    ...counts.map(
      (devices): Contender => ({
        name: `decade-${devices}`,
        role: 'decade',
        description: `decade, text to text, ${devices} ${devices === 1 ? 'device' : 'devices'}`,
        async measure(subject, seconds) {
          await job(subject);
          const result = await resultOf<DecodingResult>({
            command: surroundings.node,
            arguments: [
              fileURLToPath(new URL('decade-decoding.js', import.meta.url)),
              ...['--run', task.run, '--input', task.input, '--sentences', String(task.sentences)],
              ...['--beam', String(beamOf(subject)), '--devices', String(devices), '--seconds', String(seconds)],
            ],
            seconds: patience(seconds),
          });
          return judged(subject, result, result.translations, '');
        },
      }),
    ),
  ];
}

interface TorchDecoding {
  readonly python: PythonWithTorch;
  /** Of each process. */
  readonly threads: number;
  /** Several processes translate different sentences at the same time, without a word to each other. */
  readonly kind: TorchKind;
}

function torchDecoding(
  surroundings: Surroundings,
  { python, threads, kind }: TorchDecoding,
  jobPath: (subject: string) => string,
  job: (subject: string) => Promise<DecodingJob>,
  judged: (subject: string, result: DecodingResult, translations: readonly FoundTranslation[], note: string) => Measurement,
): Contender {
  const { sources, folder } = surroundings;
  const { processes, allocators } = kind;
  const { role, suffix } = describeKind(kind);
  const settings = new Map<string, TorchSetting>();
  const run = (subject: string, setting: TorchSetting, seconds: number, brief = false) => {
    const options = { job: jobPath(subject), beam: beamOf(subject), seconds, batches: brief ? 1 : 0, processes };
    return runTorch<DecodingResult>(python.python, `${sources}/torch_decoding.py`, setting, options, patience(seconds));
  };
  return {
    name: `${torchName(surroundings, python)}${processes === 1 ? `-${threads}` : ''}${suffix}`,
    role,
    description:
      processes === 1
        ? `PyTorch, ids to ids, at most ${threads} ${threads === 1 ? 'thread' : 'threads'}, at its best setting of them${suffix === '-tcmalloc' ? ', with tcmalloc' : ''}`
        : `PyTorch, ids to ids, ${processes} processes with a thread each, which share out the sentences`,
    async measure(subject, seconds) {
      const { lines } = await job(subject);
      const setting =
        settings.get(subject) ??
        (await fastestSetting(
          `${python.version} decoding ${subject} ${threads} ${processes} ${allocators.join(' ')} ${jobKey(await job(subject))}`,
          { threads, allocators },
          `${folder}/torch-settings.json`,
          async (tried) => (await run(subject, tried, 0, true)).wordsPerSecond,
        ));
      settings.set(subject, setting);
      const result = await run(subject, setting, seconds);
      const translations: FoundTranslation[] = [];
      for (const [index, place] of lines.flat().entries()) translations[place] = result.translations[index] as FoundTranslation;
      return judged(subject, result, translations, describeSetting(setting));
    },
  };
}

function jobKey({ weights, lines }: DecodingJob): string {
  return `${weights} ${lines.flat().length}`;
}

/** How two lists of translations compare: which are the same, and how far the same ones' log-probabilities are apart. */
export function agreement(translations: readonly FoundTranslation[], others: readonly FoundTranslation[]): string {
  let same = 0;
  let apart = 0;
  for (const [index, { ids, logProbability }] of translations.entries()) {
    const other = others[index];
    if (other === undefined || other.ids.length !== ids.length || ids.some((id, place) => id !== other.ids[place])) continue;
    same++;
    apart = Math.max(apart, Math.abs(logProbability - other.logProbability));
  }
  return `${same} of ${translations.length} translations as the first found them, log-probabilities within ${apart.toExponential(1)}`;
}
