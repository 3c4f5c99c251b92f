import type { TrainingEvent } from '../training/events.js';
import type { TrainedRun } from './steps.js';

export interface LaboratoryOptions {
  /** The directory that all experiments share. */
  readonly out: string;
  readonly devices?: number | undefined;
  readonly gemm?: string | undefined;
  /** Saves and stops; the next call continues. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: LaboratoryEvent) => void) | undefined;
}

export type LaboratoryEvent =
  | { readonly kind: 'training'; readonly run: string; readonly event: TrainingEvent }
  | { readonly kind: 'trained'; readonly run: TrainedRun; readonly skipped: boolean }
  /** Translating and scoring, with one model or an ensemble. */
  | { readonly kind: 'using'; readonly label: string; readonly runs: readonly string[]; readonly fraction: number };
