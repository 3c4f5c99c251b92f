import { DecadeError } from '../core/errors.js';
import { shownValue } from '../core/visible-text.js';
import type { TrainingSummary } from '../training/events.js';
import type { RunFiles } from './requests.js';

/** What a training has made, whether it has ended or was paused. Nothing has to be disposed of. */
export interface TrainedRun {
  readonly summary: TrainingSummary;
  /** The files of the run directory that `decade train` would have made, checkpoints included, by their paths: to load, to save, to resume. */
  readonly files: RunFiles;
}

/** @throws DecadeError `usage` for what is no run in memory */
export function requireRun(where: string, run: Pick<TrainedRun, 'files'>): RunFiles {
  if (typeof run === 'object' && run !== null && run.files instanceof Map) return run.files;
  throw new DecadeError('usage', { where, received: shownValue(run), allowed: 'what train returned' });
}
