import { writeTextFile } from '../checkpoint/whole-files.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import type { RankTask } from '../parallel/ranks/lend.js';
import { rankName } from '../parallel/ranks/rank-devices.js';
import { doneByRank } from '../parallel/ranks/tasks.js';
import type { LentRanks, Runtime } from '../parallel/runtime.js';
import { Addresses } from './addresses.js';
import { Kept } from './kept.js';
import type { LaboratoryOptions } from './laboratory-options.js';
import type { TrainedRun } from './steps.js';
import { type TrainingInputs, Trainings } from './trainings.js';

/** What another rank does for an experiment. */
type ExperimentTask =
  /** Reads a small file. */
  { readonly kind: 'read'; readonly path: string } | ({ readonly kind: 'train' } & TrainingTask);

interface TrainingTask extends Pick<LaboratoryOptions, 'out' | 'devices' | 'gemm'> {
  readonly name: string;
  readonly inputs: TrainingInputs;
  /** The addresses of the corpora, which must be the same there. */
  readonly corpora: readonly string[];
}

/** Trains whole runs on other ranks, which share the directory of the experiments with this one. */
export class RankTrainers {
  /** Those of other ranks. */
  readonly count: number;
  readonly #lent: LentRanks | undefined;
  readonly #files: Files;
  readonly #addresses: Addresses;
  readonly #options: LaboratoryOptions;

  constructor({ ranks, files }: Pick<Runtime, 'ranks' | 'files'>, addresses: Addresses, options: LaboratoryOptions) {
    this.count = (ranks?.members.length ?? 1) - 1;
    this.#lent = ranks;
    this.#files = files;
    this.#addresses = addresses;
    this.#options = options;
  }

  /** @throws DecadeError `usage` unless all ranks see the same directory */
  async requireSameDirectory(): Promise<void> {
    const { out } = this.#options;
    if (this.#lent === undefined) return;
    const mark = crypto.randomUUID();
    const path = joinPath(out, `ranks-${mark}.partial`);
    await this.#files.makeDirectory(out);
    await writeTextFile(this.#files, path, mark);
    try {
      const read = await Promise.all(
        Array.from({ length: this.count }, (_, index) => this.#ask(index + 1, { kind: 'read', path: this.#files.absolute(path) })),
      );
      const blind = this.#lent.members.slice(1).flatMap(({ host }, index) => (read[index] === mark ? [] : [rankName(index + 1, host)]));
      if (blind.length === 0) return;
      throw new DecadeError('usage', {
        where: out,
        received: `a directory that ${blind.join(', ')} ${blind.length === 1 ? 'does' : 'do'} not see`,
        allowed: 'one that all ranks share: each trains runs there',
        next: 'choose with --out a directory on a file system that all hosts have, or start the command without mpirun',
      });
    } finally {
      await this.#files.remove(path);
    }
  }

  /** As `Trainings.train`. */
  async train(rank: number, name: string, inputs: TrainingInputs): Promise<TrainedRun> {
    const { out, devices, gemm, signal, onEvent } = this.#options;
    const corpora = await corporaOf(this.#addresses, inputs);
    const run = (await this.#ask(rank, { kind: 'train', out, devices, gemm, name, inputs, corpora }, signal)) as TrainedRun;
    onEvent?.({ kind: 'trained', run, skipped: false });
    return run;
  }

  #ask(rank: number, task: ExperimentTask, signal?: AbortSignal): Promise<unknown> {
    if (this.#lent === undefined) throw new RangeError('there are no other ranks');
    return doneByRank(this.#lent, rank, task, signal);
  }
}

/** Does what rank 0 asks of another rank for an experiment. */
export function experimentTasks(runtime: Runtime): RankTask {
  const { files } = runtime;
  const addresses = new Addresses(files);
  return async (given, signal) => {
    const task = given as ExperimentTask;
    if (task.kind === 'read') return (await files.kind(task.path)) === 'file' ? files.readText(task.path) : undefined;
    const { out, devices, gemm, name, inputs, corpora } = task;
    const own = await corporaOf(addresses, inputs);
    for (const [index, part] of (['train', 'dev'] as const).entries()) {
      if (own[index] === corpora[index]) continue;
      throw new DecadeError('usage', {
        where: `data.${part}`,
        received: 'files of other contents than rank 0 has',
        allowed: 'the same on all ranks',
      });
    }
    return new Trainings(runtime, { out, devices, gemm, signal }, new Kept(files, out)).train(name, inputs);
  };
}

async function corporaOf(addresses: Addresses, { configuration: { data } }: TrainingInputs): Promise<readonly string[]> {
  return [await addresses.ofCorpus(data.train), await addresses.ofCorpus(data.dev)];
}
