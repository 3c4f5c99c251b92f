import { DecadeError } from '../core/errors.js';
import { type Files, joinPath, type LockAttempt } from '../core/files.js';

/** In a run directory during training, and after a training that was killed. */
export const lockName = 'training.lock';

type HeldLock = Extract<LockAttempt, { kind: 'held' }>;

/**
 * One training at a time in a run directory. The process locks two files: `RUN.training.lock`, so that it alone creates and removes
 * the directory, and `RUN/training.lock`, for processes that reach the directory by another path. The system releases the locks when
 * the process ends, so none is ever stale. Readers need no lock.
 */
export class RunLock {
  readonly #files: Files;
  readonly #path: string;
  readonly #warn: (message: string) => void;
  #beside: HeldLock | undefined;
  #inside: HeldLock | undefined;
  #isWarned = false;

  private constructor(files: Files, path: string, warn: (message: string) => void) {
    this.#files = files;
    this.#path = path;
    this.#warn = warn;
  }

  /**
   * Throws `usage` if a training is running at `path`. The directory does not have to exist.
   *
   * @param warn  called if the system has no locks there
   */
  static async take(files: Files, path: string, warn: (message: string) => void): Promise<RunLock> {
    const lock = new RunLock(files, path, warn);
    await files.makeDirectory(files.absolute(joinPath(path, '..')));
    // Without the right to write there, nobody can make or remove the directory either.
    const beside = await lock.#attempt(`${files.absolute(path).replace(/(.)[\\/]+$/, '$1')}.${lockName}`);
    if (beside.kind === 'held') lock.#beside = beside;
    try {
      await lock.enter();
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  }

  /** Locks the directory itself, if it exists by now. */
  async enter(): Promise<void> {
    if (this.#inside !== undefined || (await this.#files.kind(this.#path)) !== 'directory') return;
    const inside = await this.#attempt(joinPath(this.#path, lockName));
    if (inside.kind === 'held') this.#inside = inside;
    else if (!this.#isWarned) this.#warn(`${this.#path} is not locked against a second training: ${inside.reason}`);
    this.#isWarned = inside.kind !== 'held';
  }

  /** Releases the directory, so that it can be removed, but keeps the right to create it again. */
  async leave(): Promise<void> {
    await this.#inside?.release();
    this.#inside = undefined;
  }

  async release(): Promise<void> {
    await this.leave();
    await this.#beside?.release();
    this.#beside = undefined;
  }

  async #attempt(path: string): Promise<Exclude<LockAttempt, { kind: 'taken' }>> {
    const attempt = await this.#files.lock(path);
    if (attempt.kind !== 'taken') return attempt;
    throw new DecadeError('usage', {
      where: this.#path,
      received: `already in use by a training (${attempt.holder})`,
      allowed: 'one training at a time per run directory',
      next: 'wait for it to end, stop it (Ctrl-C saves) and --resume, or choose another --out; reading the run is always possible',
    });
  }
}
