/** Which library's launcher it was, as far as it says. */
export type LauncherKind = 'openmpi' | 'mpich' | 'pmix';

/** What a launcher of MPI says to the processes that it starts. */
export interface Launched {
  readonly launcher: LauncherKind;
  readonly rank: number;
  readonly size: number;
  /** Processes on this host; undefined where the launcher does not say. */
  readonly onThisHost: number | undefined;
}

type Environment = { readonly [name: string]: string | undefined };

/** By launcher, the variables that only it sets: the most telling first. */
const launchers: readonly {
  readonly launcher: LauncherKind;
  readonly rank: string;
  readonly size: string;
  readonly local: readonly string[];
}[] = [
  { launcher: 'openmpi', rank: 'OMPI_COMM_WORLD_RANK', size: 'OMPI_COMM_WORLD_SIZE', local: ['OMPI_COMM_WORLD_LOCAL_SIZE'] },
  { launcher: 'mpich', rank: 'PMI_RANK', size: 'PMI_SIZE', local: ['MPI_LOCALNRANKS'] },
  // `srun --mpi=pmix`; a batch script outside srun has no PMIX_RANK.
  { launcher: 'pmix', rank: 'PMIX_RANK', size: 'SLURM_STEP_NUM_TASKS', local: [] },
];

/** The processes that a launcher started together with this one; undefined where there are no others. */
export function launched(environment: Environment): Launched | undefined {
  for (const { launcher, rank, size, local } of launchers) {
    const [number, count] = [integer(environment[rank]), integer(environment[size])];
    if (number === undefined || count === undefined) continue;
    return count < 2 ? undefined : { launcher, rank: number, size: count, onThisHost: integer(environment[local[0] ?? '']) };
  }
  return undefined;
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
