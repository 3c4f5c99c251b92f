import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Both libraries may be installed side by side; each has a launcher of its own. */
export const launchers = {
  'Open MPI': ['mpirun.openmpi', '--oversubscribe', '--bind-to', 'none'],
  MPICH: ['mpirun.mpich'],
} as const;
export type Launcher = keyof typeof launchers;

const isThere = (launcher: Launcher) => spawnSync(launchers[launcher][0], ['--version']).error === undefined;

/** Why tests with these launchers are left out, if they are. Continuous integration, which installs both, asks that none be. */
export function without(...needed: readonly Launcher[]): string | false {
  const missing = needed.filter((launcher) => !isThere(launcher));
  return missing.length > 0 && process.env.DECADE_REQUIRE_MPI !== '1' && `${missing.join(' and ')} not installed`;
}

export interface RanksOutcome {
  readonly code: number | null;
  readonly stdout: string;
  /** Of all ranks and the launcher, standard output included. */
  readonly output: string;
}

/** Ranks that were started together. */
export class Ranks {
  readonly launcher: ChildProcess;
  readonly outcome: Promise<RanksOutcome>;
  readonly #mark = crypto.randomUUID();
  #output = '';

  /** `words`: a command of decade for all, or an MPI command line of several. */
  constructor(name: Launcher, size: number, words: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const [program, ...options] = launchers[name];
    this.launcher = spawn(program, [...options, '-n', String(size), process.execPath, main, ...words], {
      env: {
        ...process.env,
        OMPI_ALLOW_RUN_AS_ROOT: '1',
        OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
        DECADE_MPI_SILENCE: '10',
        DECADE_TEST_MARK: this.#mark,
        ...environment,
      },
      timeout: 90_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    this.launcher.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      this.#output += chunk.toString();
    });
    this.launcher.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.outcome = new Promise((resolve, reject) =>
      this.launcher.on('error', reject).on('close', (code) => resolve({ code, stdout, output: this.#output })),
    );
  }

  /** Resolves when something is so. Throws, with all that was said, when the ranks end before. */
  async until(isSo: () => boolean): Promise<void> {
    let ended = false;
    void this.outcome.then(() => {
      ended = true;
    });
    while (!isSo()) {
      if (ended) throw new Error(`ended too early: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  says(pattern: RegExp): Promise<void> {
    return this.until(() => pattern.test(this.#output));
  }

  /** The process of a rank. Linux only. */
  processOf(rank: number): number {
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const variables = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        const isRank = variables.includes(`OMPI_COMM_WORLD_RANK=${rank}`) || variables.includes(`PMI_RANK=${rank}`);
        if (isRank && variables.includes(`DECADE_TEST_MARK=${this.#mark}`)) return Number(name);
      } catch {
        // It has ended, or is another's.
      }
    }
    throw new Error(`rank ${rank} is not there: ${this.#output}`);
  }
}
