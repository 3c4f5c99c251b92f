import type { Measurement, Role } from './comparison.js';
import type { PythonWithTorch } from './torch.js';

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
